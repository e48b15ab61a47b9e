// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vocabulary} from "../libraries/Vocabulary.sol";
import {Scope} from "./Scope.sol";

using {version, issuedAt, recorded} for Rights global;
using {dataFrom, dataUntil, diseases, clean, saySomething} for Limits global;

/// @notice What a consent says in numbers, as call data and events carry it: a third of the gas of as many ABI words.
/// @dev From the lowest bit; wallets sign, and people read, the fields themselves (Scope).
///
///     bits      field
///     0-7       effect
///     8-15      recipientKind
///     16-31     purposes
///     32-47     conditions
///     48-63     operations
///     64-95     categories
///     96-135    validFrom
///     136-175   validUntil
///     176-199   version
///     200-239   issuedAt; in an event validUntil, cut to the end of the signer's authority
///     240-247   in an event the signer's capacity
type Rights is uint256;

/// @notice A consent's data window and diseases.
/// @dev From the lowest bit: dataFrom (40 bits), dataUntil (40), diseases (160). As stored, too.
type Limits is uint256;

uint256 constant SIGNED_RIGHTS = (1 << 200) - 1; // all but the time of issue
uint256 constant LIMITS_MASK = (1 << 240) - 1;
/// @dev Any data, no disease.
uint256 constant NO_LIMITS = uint256(Vocabulary.FOREVER) << 40;

/// @notice The scope that `rights`, `limits` and the two ids make.
function scopeOf(Rights rights, Limits limits, bytes32 recipient, bytes32 terms) pure returns (Scope memory) {
    uint256 word = Rights.unwrap(rights);
    return Scope({
        effect: uint8(word),
        recipientKind: uint8(word >> 8),
        recipient: recipient,
        purposes: uint16(word >> 16),
        conditions: uint16(word >> 32),
        operations: uint16(word >> 48),
        categories: uint32(word >> 64),
        validFrom: uint40(word >> 96),
        validUntil: uint40(word >> 136),
        dataFrom: limits.dataFrom(),
        dataUntil: limits.dataUntil(),
        diseases: limits.diseases(),
        terms: terms
    });
}

function version(Rights rights) pure returns (uint24) {
    return uint24(Rights.unwrap(rights) >> 176);
}

function issuedAt(Rights rights) pure returns (uint40) {
    return uint40(Rights.unwrap(rights) >> 200);
}

/// @notice The form that the event has.
/// @param validUntil the scope's end, cut to the signer's authority
function recorded(Rights rights, uint40 validUntil, uint8 capacity) pure returns (Rights) {
    uint256 signed = Rights.unwrap(rights) & SIGNED_RIGHTS;
    return Rights.wrap(signed | (uint256(validUntil) << 200) | (uint256(capacity) << 240));
}

function dataFrom(Limits limits) pure returns (uint40) {
    return uint40(Limits.unwrap(limits));
}

function dataUntil(Limits limits) pure returns (uint40) {
    return uint40(Limits.unwrap(limits) >> 40);
}

function diseases(Limits limits) pure returns (uint160) {
    return uint160(Limits.unwrap(limits) >> 80);
}

/// @notice The word without the bits that mean nothing: nobody signed those.
function clean(Limits limits) pure returns (Limits) {
    return Limits.wrap(Limits.unwrap(limits) & LIMITS_MASK);
}

/// @notice Whether clean limits say more than "any data" and "no disease".
function saySomething(Limits limits) pure returns (bool) {
    return Limits.unwrap(limits) != NO_LIMITS;
}
