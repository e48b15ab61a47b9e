// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The new signer that a custodian asks for, for a subject who lost the key. `id` is a fresh random value, spent
/// by the proposal; `form` is the hash of the record of how the person was identified, and never zero.
struct Recovery {
    bytes32 subject;
    bytes32 id;
    bytes32 custodian;
    bytes newSigner;
    uint8 capacity;
    uint40 from;
    uint40 until;
    bytes32 form;
}

/// @notice Asks for a recovery.
struct RecoveryProposal {
    Recovery recovery;
    uint40 deadline;
    bytes signature; // of the custodian's signer
}

/// @notice Ends a pending recovery. `id` is the proposal's. Has no deadline: an objection never goes stale.
struct RecoveryObjection {
    bytes32 subject;
    bytes32 id;
    bytes signer;
    bytes signature;
}

/// @notice What the registry keeps of a pending recovery.
struct PendingRecovery {
    bytes32 id; // zero where none is pending
    bytes32 hash; // of the Recovery; the Recovery itself is in the event
    uint40 opensAt;
}
