// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Recovery, RecoveryObjection, RecoveryProposal} from "../types/Recovery.sol";

/// @title How a subject whose key is lost comes to a new one
/// @notice The custodian proposes, a delay passes in which any signer of the subject can object, and then anybody can
/// complete it. Old signers keep their authority: the new one can remove them, by the ordinary act, for all to see.
/// One act a transaction, and one that fails reverts, with an error of here or of {IConsentRegistry}.
interface ISignerRecovery {
    /// @notice A recovery was proposed; one that was pending before is replaced. It can be completed from `opensAt` on.
    event RecoveryProposed(
        bytes32 indexed subject,
        bytes32 indexed id,
        bytes32 indexed custodian,
        bytes32 digest,
        bytes newSigner,
        uint8 capacity,
        uint40 from,
        uint40 until,
        bytes32 form,
        uint40 opensAt
    );
    /// @notice A signer of the subject objected; the recovery is over.
    event RecoveryObjected(bytes32 indexed subject, bytes32 indexed id, bytes32 digest, bytes signer);
    /// @notice Nobody objected in time. A SignerAdded with an empty `by` precedes this event.
    event RecoveryCompleted(bytes32 indexed subject, bytes32 indexed id, bytes32 digest);

    error SignerRecovery__ZeroDelay();
    error SignerRecovery__NotTheCustodian();
    error SignerRecovery__NothingPending(); // no such recovery is pending
    error SignerRecovery__StillOpen(uint40 opensAt); // signers can object until then

    /// @notice Signed by the subject's custodian, who must not be suspended.
    function proposeRecovery(RecoveryProposal calldata act) external;

    /// @notice Signed by any signer in authority. Nobody can pause, price or refuse it.
    function objectToRecovery(RecoveryObjection calldata act) external;

    /// @notice Carries out a recovery that was proposed exactly so. Needs no signature. Fails while the custodian is
    /// suspended.
    function completeRecovery(Recovery calldata recovery) external;

    /// @notice The pending recovery of `subject`, and when it can be completed; zeros when there is none.
    function recovery(bytes32 subject) external view returns (bytes32 id, uint40 opensAt);

    /// @notice Seconds between a proposal and the first moment at which it can be completed.
    function recoveryDelay() external view returns (uint40);
}
