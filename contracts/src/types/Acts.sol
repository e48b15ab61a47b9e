// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Limits, Rights} from "./ConsentWords.sol";

// Signed acts of the ConsentRegistry. `signer` is ERC-7913 bytes (20 bytes: an address); `signature` is over the
// EIP-712 digest of the fields before `signer` (or before `signature` where the signer is implied).

/// @notice An institution enrols a subject with a first signer. Signed by the custodian's key in the Directory.
struct Enrolment {
    bytes32 subject;
    bytes32 custodian;
    bytes firstSigner;
    uint8 capacity;
    uint40 from;
    uint40 until;
    bytes32 form;
    uint40 deadline;
    bytes signature;
}

/// @notice Version 1 grants, a higher version amends. What is signed is Consent(...) with a Scope, field by field
/// (libraries/ActHashes.sol); here most of the fields are packed.
struct ConsentAct {
    bytes32 subject;
    bytes32 id;
    bytes32 recipient;
    bytes32 terms;
    Rights rights; // with version and issuedAt
    Limits limits;
    bytes32 form;
    uint40 deadline;
    bytes signer;
    bytes signature;
}

/// @notice Withdraws one consent for good. Has no deadline: a withdrawal never goes stale.
struct Withdrawal {
    bytes32 subject;
    bytes32 id;
    bytes signer;
    bytes signature;
}

/// @notice Withdraws every consent of the subject. `id` is a fresh random value, spent by the act.
struct WithdrawalOfAll {
    bytes32 subject;
    bytes32 id;
    uint40 deadline;
    bytes signer;
    bytes signature;
}

/// @notice Gives a further signer authority. `id` is a fresh random value, spent by the act.
struct SignerAddition {
    bytes32 subject;
    bytes32 id;
    bytes newSigner;
    uint8 capacity;
    uint40 from;
    uint40 until;
    bytes32 form;
    uint40 deadline;
    bytes signer;
    bytes signature;
}

/// @notice Ends a signer's authority. `id` is a fresh random value, spent by the act.
struct SignerRemoval {
    bytes32 subject;
    bytes32 id;
    bytes oldSigner;
    uint40 deadline;
    bytes signer;
    bytes signature;
}
