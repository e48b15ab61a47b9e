// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vocabulary} from "../libraries/Vocabulary.sol";

using {exists, holds, mayChangeSigners, mayGive, cut} for Authority global;
using {isEnrolled} for Subject global;

/// @notice That a signer may act for a subject: in what capacity, and when. One storage slot.
struct Authority {
    uint8 capacity; // zero where the signer was never added, or was removed
    uint40 from;
    uint40 until;
}

/// @notice What the registry keeps of a subject. One storage slot.
struct Subject {
    uint40 stoppedAt; // when everything was last withdrawn; consents issued up to then are refused
    uint32 signers; // added and not removed; never zero again once the subject is enrolled
    uint16 live; // consents that are not withdrawn
    uint16 epoch; // how often everything was withdrawn, where there was something: a consent is live in its epoch only
    uint32 custodian; // the Directory's number of the institution that enrolled the subject
}

function exists(Authority memory authority) pure returns (bool) {
    return authority.capacity != 0;
}

/// @notice Whether the authority stands at `instant`, in seconds UTC.
function holds(Authority memory authority, uint256 instant) pure returns (bool) {
    return authority.capacity != 0 && authority.from <= instant && instant < authority.until;
}

/// @notice Staff act on paper forms, consent by consent; they do not decide who else may act.
function mayChangeSigners(Authority memory authority) pure returns (bool) {
    return authority.capacity != Vocabulary.CAPACITY_STAFF;
}

/// @notice Whether a signer may give another the authority of [from, until). Nobody who acts for another person gives
/// more than they have: a guardian's second key, in whatever capacity, would outlive the guardian's authority.
function mayGive(Authority memory authority, uint40 from, uint40 until) pure returns (bool) {
    return
        mayChangeSigners(authority)
            && (!isForAnother(authority) || (authority.from <= from && until <= authority.until));
}

/// @notice The end of a consent given under this authority: a guardian's or proxy's consent ends with it.
function cut(Authority memory authority, uint40 validUntil) pure returns (uint40) {
    return isForAnother(authority) && authority.until < validUntil ? authority.until : validUntil;
}

function isForAnother(Authority memory authority) pure returns (bool) {
    return authority.capacity == Vocabulary.CAPACITY_GUARDIAN || authority.capacity == Vocabulary.CAPACITY_PROXY;
}

function isEnrolled(Subject memory subject) pure returns (bool) {
    return subject.signers != 0;
}
