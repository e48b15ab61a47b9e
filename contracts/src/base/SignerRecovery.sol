// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISignerRecovery} from "../interfaces/ISignerRecovery.sol";
import {RecoveryHashes} from "../libraries/RecoveryHashes.sol";
import {SignatureGate} from "../libraries/SignatureGate.sol";
import {Authority, Subject} from "../types/Authority.sol";
import {PendingRecovery, Recovery, RecoveryObjection, RecoveryProposal} from "../types/Recovery.sol";
import {SubjectRegistry} from "./SubjectRegistry.sol";

/// @title The part of the registry that lets a subject come to a new key after losing the old one
/// @notice See {ISignerRecovery}.
abstract contract SignerRecovery is ISignerRecovery, SubjectRegistry {
    using RecoveryHashes for *;

    /// @inheritdoc ISignerRecovery
    // The getter's name is the interface's.
    // solhint-disable-next-line immutable-vars-naming
    uint40 public immutable recoveryDelay;

    mapping(bytes32 subject => PendingRecovery) private _recoveries;

    /// @param delay seconds in which signers can object to a recovery; at least one
    constructor(uint40 delay) {
        require(delay != 0, SignerRecovery__ZeroDelay());
        recoveryDelay = delay;
    }

    /// @inheritdoc ISignerRecovery
    function proposeRecovery(RecoveryProposal calldata act) external {
        require(act.deadline >= block.timestamp, ConsentRegistry__DeadlinePassed());
        Recovery calldata asked = act.recovery;
        Subject memory held = _subjects[asked.subject];
        require(held.isEnrolled(), ConsentRegistry__SubjectUnknown());
        (uint32 number, bytes memory custodianSigner) = _activeCustodian(asked.custodian);
        // Numbers of institutions, not amounts.
        // slither-disable-next-line incorrect-equality
        require(number == held.custodian, SignerRecovery__NotTheCustodian());
        bytes32 hash = asked.hash();
        bytes32 digest = _hashTypedDataV4(act.hash(hash));
        require(SignatureGate.isSignedBy(custodianSigner, digest, act.signature), ConsentRegistry__BadSignature());
        require(_isFresh(asked.subject, asked.id), ConsentRegistry__IdSpent());
        require(asked.form != 0, ConsentRegistry__FormMissing());
        _require(_signerFault(asked.newSigner, asked.capacity, asked.from, asked.until, asked.form));

        _spend(asked.subject, asked.id);
        uint40 opensAt = uint40(block.timestamp) + recoveryDelay;
        _recoveries[asked.subject] = PendingRecovery(asked.id, hash, opensAt);
        emit RecoveryProposed(
            asked.subject,
            asked.id,
            asked.custodian,
            digest,
            asked.newSigner,
            asked.capacity,
            asked.from,
            asked.until,
            asked.form,
            opensAt
        );
    }

    /// @inheritdoc ISignerRecovery
    function objectToRecovery(RecoveryObjection calldata act) external {
        bytes32 digest = _hashTypedDataV4(act.hash());
        (, bytes4 reason) = _authorize(act.subject, _subjects[act.subject], act.signer, digest, act.signature);
        _require(reason);
        require(act.id != 0 && _recoveries[act.subject].id == act.id, SignerRecovery__NothingPending());

        delete _recoveries[act.subject];
        emit RecoveryObjected(act.subject, act.id, digest, act.signer);
    }

    /// @inheritdoc ISignerRecovery
    function completeRecovery(Recovery calldata asked) external {
        PendingRecovery memory pending = _recoveries[asked.subject];
        bytes32 hash = asked.hash();
        // The pending recovery is the one with this very hash, or it is another.
        // slither-disable-next-line incorrect-equality
        require(pending.hash == hash, SignerRecovery__NothingPending());
        require(block.timestamp >= pending.opensAt, SignerRecovery__StillOpen(pending.opensAt));
        _activeCustodian(asked.custodian);

        delete _recoveries[asked.subject];
        bytes32 digest = _hashTypedDataV4(hash);
        _require(
            _give(
                asked.subject,
                digest,
                asked.newSigner,
                Authority(asked.capacity, asked.from, asked.until),
                asked.form,
                asked.newSigner[:0]
            )
        );
        emit RecoveryCompleted(asked.subject, asked.id, digest);
    }

    /// @inheritdoc ISignerRecovery
    function recovery(bytes32 subject) external view returns (bytes32 id, uint40 opensAt) {
        return (_recoveries[subject].id, _recoveries[subject].opensAt);
    }

    function _activeCustodian(bytes32 custodian) private view returns (uint32 number, bytes memory signer) {
        uint8 state;
        (number, state, signer) = _DIRECTORY.institution(custodian);
        require(state == INSTITUTION_ACTIVE, ConsentRegistry__CustodianNotActive());
    }

    /// @dev Reverts with `reason`, the selector of an error without arguments, unless it says that nothing is wrong.
    function _require(bytes4 reason) private pure {
        if (reason == ACCEPTED) return;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(0, reason)
            revert(0, 4)
        }
    }
}
