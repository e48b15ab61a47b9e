// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Recovery, RecoveryObjection, RecoveryProposal} from "../types/Recovery.sol";

/// @title The EIP-712 struct hashes of the acts of a recovery
/// @dev https://eips.ethereum.org/EIPS/eip-712
library RecoveryHashes {
    bytes32 internal constant RECOVERY_TYPEHASH = keccak256(
        "Recovery(bytes32 subject,bytes32 id,bytes32 custodian,bytes newSigner,uint8 capacity,uint40 from,"
        "uint40 until,bytes32 form)"
    );
    bytes32 internal constant RECOVERY_PROPOSAL_TYPEHASH = keccak256(
        "RecoveryProposal(Recovery recovery,uint40 deadline)"
        "Recovery(bytes32 subject,bytes32 id,bytes32 custodian,bytes newSigner,uint8 capacity,uint40 from,"
        "uint40 until,bytes32 form)"
    );
    bytes32 internal constant RECOVERY_OBJECTION_TYPEHASH = keccak256("RecoveryObjection(bytes32 subject,bytes32 id)");

    function hash(Recovery calldata recovery) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                RECOVERY_TYPEHASH,
                recovery.subject,
                recovery.id,
                recovery.custodian,
                keccak256(recovery.newSigner),
                recovery.capacity,
                recovery.from,
                recovery.until,
                recovery.form
            )
        );
    }

    /// @param recovery the hash of the proposal's recovery
    function hash(RecoveryProposal calldata act, bytes32 recovery) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECOVERY_PROPOSAL_TYPEHASH, recovery, act.deadline));
    }

    function hash(RecoveryObjection calldata act) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECOVERY_OBJECTION_TYPEHASH, act.subject, act.id));
    }
}
