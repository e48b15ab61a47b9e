// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vocabulary} from "../libraries/Vocabulary.sol";
import {Scope} from "./Scope.sol";

using {isUnused, isLive, hasLimits, version} for ConsentSlot global;

/// @notice Everything about a consent that decides, but its limits, in one storage slot.
/// @dev From the lowest bit:
///
///     bits      field           meaning
///     0-23      version         0 in a slot that was spent without a grant
///     24        spent           1 withdrawn, or the id of another act
///     25        deny            1 deny, 0 permit
///     26        limited         1 where Limits stand beside it
///     27-28     recipientKind   as in Scope
///     29-52     recipient       the Directory's number of the institution or study; 0 where it is any
///     53-63     epoch           that of the subject when it was granted; it is dead in any other
///     64-79     purposes
///     80-95     conditions
///     96-111    operations
///     112-143   categories
///     144-183   validFrom
///     184-223   validUntil      already cut to the end of the signer's authority
///     224-255   termsVersion
///
/// A slot that was never used is zero; a spent one keeps its version and that it is spent.
type ConsentSlot is uint256;

/// @notice A consent, unpacked.
struct ConsentFacts {
    uint24 version;
    bool deny;
    uint8 recipientKind;
    uint32 recipient;
    uint16 purposes;
    uint16 conditions;
    uint16 operations;
    uint32 categories;
    uint40 validFrom;
    uint40 validUntil;
    uint32 termsVersion;
    uint40 dataFrom;
    uint40 dataUntil;
    uint160 diseases;
}

uint256 constant FLAG_SPENT = 1 << 24;
uint256 constant FLAG_DENY = 1 << 25;
uint256 constant FLAG_LIMITED = 1 << 26;
uint256 constant EPOCH_SHIFT = 53;
/// @dev The largest epoch that fits. It admits no grant, so that what is live can always be withdrawn by the next one.
uint16 constant LAST_EPOCH = (1 << 11) - 1;
/// @dev The largest number of a recipient that fits.
uint32 constant LAST_RECIPIENT = (1 << 24) - 1;

function isUnused(ConsentSlot slot) pure returns (bool) {
    return ConsentSlot.unwrap(slot) == 0;
}

/// @notice Whether the consent stands in an epoch of its subject.
function isLive(ConsentSlot slot, uint16 epoch) pure returns (bool) {
    uint256 word = ConsentSlot.unwrap(slot);
    return word != 0 && word & FLAG_SPENT == 0 && (word >> EPOCH_SHIFT) & LAST_EPOCH == epoch;
}

function hasLimits(ConsentSlot slot) pure returns (bool) {
    return ConsentSlot.unwrap(slot) & FLAG_LIMITED != 0;
}

function version(ConsentSlot slot) pure returns (uint24) {
    return uint24(ConsentSlot.unwrap(slot));
}

/// @notice What is left of a consent, or of an id, once it is spent.
function spentSlot(uint24 version_) pure returns (ConsentSlot) {
    return ConsentSlot.wrap(FLAG_SPENT | version_);
}

/// @notice A live slot.
/// @param isLimited whether Limits stand beside it
/// @param recipient the Directory's number of the scope's recipient, at most LAST_RECIPIENT
/// @param validUntil the scope's end, cut to the signer's authority
/// @param epoch the subject's, before LAST_EPOCH
function pack(
    uint24 version_,
    Scope memory scope,
    bool isLimited,
    uint32 recipient,
    uint40 validUntil,
    uint32 termsVersion,
    uint16 epoch
) pure returns (ConsentSlot) {
    uint256 word = version_;
    if (scope.effect == Vocabulary.EFFECT_DENY) word |= FLAG_DENY;
    if (isLimited) word |= FLAG_LIMITED;
    word |= uint256(scope.recipientKind) << 27;
    word |= uint256(recipient) << 29;
    word |= uint256(epoch) << EPOCH_SHIFT;
    word |= uint256(scope.purposes) << 64;
    word |= uint256(scope.conditions) << 80;
    word |= uint256(scope.operations) << 96;
    word |= uint256(scope.categories) << 112;
    word |= uint256(scope.validFrom) << 144;
    word |= uint256(validUntil) << 184;
    word |= uint256(termsVersion) << 224;
    return ConsentSlot.wrap(word);
}

/// @notice The fields of `slot`; the limits are those of a consent that has none.
function unpack(ConsentSlot slot) pure returns (ConsentFacts memory facts) {
    uint256 word = ConsentSlot.unwrap(slot);
    facts.version = uint24(word);
    facts.deny = word & FLAG_DENY != 0;
    facts.recipientKind = uint8((word >> 27) & 3);
    facts.recipient = uint32((word >> 29) & LAST_RECIPIENT);
    facts.purposes = uint16(word >> 64);
    facts.conditions = uint16(word >> 80);
    facts.operations = uint16(word >> 96);
    facts.categories = uint32(word >> 112);
    facts.validFrom = uint40(word >> 144);
    facts.validUntil = uint40(word >> 184);
    facts.termsVersion = uint32(word >> 224);
    facts.dataUntil = Vocabulary.FOREVER;
}
