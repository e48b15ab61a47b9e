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
///     24-25     state           0 unused, 1 live, 2 spent: withdrawn, or the id of another act
///     26        deny            1 deny, 0 permit
///     27        limited         1 where a ConsentLimits stands beside it
///     28-31     recipientKind   as in Scope
///     32-63     recipient       the Directory's number of the institution or study; 0 where it is any
///     64-79     purposes
///     80-95     conditions
///     96-111    operations
///     112-143   categories
///     144-183   validFrom
///     184-223   validUntil      already cut to the end of the signer's authority
///     224-255   termsVersion
///
/// A spent slot keeps its version and state alone.
type ConsentSlot is uint256;

/// @notice A consent's data window and diseases, where they say more than "any data" and "no disease".
struct ConsentLimits {
    uint40 dataFrom;
    uint40 dataUntil;
    uint160 diseases;
}

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

uint256 constant STATE_LIVE = 1 << 24;
uint256 constant STATE_SPENT = 2 << 24;
uint256 constant STATE_MASK = 3 << 24;
uint256 constant FLAG_DENY = 1 << 26;
uint256 constant FLAG_LIMITED = 1 << 27;

function isUnused(ConsentSlot slot) pure returns (bool) {
    return ConsentSlot.unwrap(slot) == 0;
}

function isLive(ConsentSlot slot) pure returns (bool) {
    return ConsentSlot.unwrap(slot) & STATE_MASK == STATE_LIVE;
}

function hasLimits(ConsentSlot slot) pure returns (bool) {
    return ConsentSlot.unwrap(slot) & FLAG_LIMITED != 0;
}

function version(ConsentSlot slot) pure returns (uint24) {
    return uint24(ConsentSlot.unwrap(slot));
}

/// @notice What is left of a consent, or of an id, once it is spent.
function spentSlot(uint24 version_) pure returns (ConsentSlot) {
    return ConsentSlot.wrap(STATE_SPENT | version_);
}

/// @notice Whether the limits of `scope` say something, and must be stored beside the slot.
function isLimited(Scope memory scope) pure returns (bool) {
    return scope.dataFrom != 0 || scope.dataUntil != Vocabulary.FOREVER || scope.diseases != 0;
}

/// @notice A live slot.
/// @param recipient the Directory's number of the scope's recipient
/// @param validUntil the scope's end, cut to the signer's authority
function pack(uint24 version_, Scope memory scope, uint32 recipient, uint40 validUntil, uint32 termsVersion)
    pure
    returns (ConsentSlot)
{
    uint256 word = STATE_LIVE | version_;
    if (scope.effect == Vocabulary.EFFECT_DENY) word |= FLAG_DENY;
    if (isLimited(scope)) word |= FLAG_LIMITED;
    word |= uint256(scope.recipientKind) << 28;
    word |= uint256(recipient) << 32;
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
    facts.recipientKind = uint8((word >> 28) & 0xF);
    facts.recipient = uint32(word >> 32);
    facts.purposes = uint16(word >> 64);
    facts.conditions = uint16(word >> 80);
    facts.operations = uint16(word >> 96);
    facts.categories = uint32(word >> 112);
    facts.validFrom = uint40(word >> 144);
    facts.validUntil = uint40(word >> 184);
    facts.termsVersion = uint32(word >> 224);
    facts.dataUntil = Vocabulary.FOREVER;
}
