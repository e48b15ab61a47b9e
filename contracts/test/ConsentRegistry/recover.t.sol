// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {ISignerRecovery} from "../../src/interfaces/ISignerRecovery.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {SignerAddition, SignerRemoval} from "../../src/types/Acts.sol";
import {Recovery, RecoveryObjection, RecoveryProposal} from "../../src/types/Recovery.sol";
import {Consent, Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev proposeRecovery, objectToRecovery, completeRecovery.
contract RecoverTest is Ledger {
    bytes32 private constant LOST = "lost";
    uint256 private constant NEW_KEY = 0x3001;
    uint256 private constant GUARDIAN_KEY = 0x3002;

    // ------------------------------------------------------------------ proposeRecovery

    function test_GivenAProposal_ItIsPending_AndTheNewSignerHasNoAuthorityYet() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        vm.recordLogs();
        propose(act);
        (bytes32 id, uint40 opensAt) = registry.recovery(PATIENT);
        vm.assertEq(id, LOST, "id");
        vm.assertEq(uint256(opensAt), uint256(NOW + RECOVERY_DELAY), "opens");
        logs = vm.getRecordedLogs();
        vm.assertEq(logs[0].topics[0], ISignerRecovery.RecoveryProposed.selector, "event");
        vm.assertEq(logs[0].topics[3], HOSPITAL, "custodian");
        Recovery memory asked = act.recovery;
        bytes memory expected = abi.encode(
            digestOf(address(registry), this.hashOf(act)),
            asked.newSigner,
            asked.capacity,
            asked.from,
            asked.until,
            asked.form,
            opensAt
        );
        vm.assertEq(logs[0].data, expected, "data");
        assertRefused(_recordAs(NEW_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
    }

    function test_WhenTheDeadlineIsNow_ItIsAccepted() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        act.deadline = NOW;
        propose(act);
        (bytes32 id,) = registry.recovery(PATIENT);
        vm.assertEq(id, LOST, "pending");
    }

    function test_WhenTheFormIsWrong_ItReverts() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        act.deadline = NOW - 1;
        _expectRefusal(act, IConsentRegistry.ConsentRegistry__DeadlinePassed.selector);
        act = recoveryAct(LOST, signerOf(NEW_KEY));
        act.recovery.subject = "nobody";
        _expectRefusal(act, IConsentRegistry.ConsentRegistry__SubjectUnknown.selector);
        act = recoveryAct(0, signerOf(NEW_KEY));
        _expectRefusal(act, IConsentRegistry.ConsentRegistry__IdSpent.selector);
        act = recoveryAct(LOST, signerOf(NEW_KEY));
        act.recovery.form = 0;
        _expectRefusal(act, IConsentRegistry.ConsentRegistry__FormMissing.selector);
        act = recoveryAct(LOST, hex"01");
        _expectRefusal(act, IConsentRegistry.ConsentRegistry__BadSigner.selector);
        act = recoveryAct(LOST, signerOf(NEW_KEY));
        act.recovery.capacity = 9;
        _expectRefusal(act, IConsentRegistry.ConsentRegistry__BadSigner.selector);
        act = recoveryAct(LOST, signerOf(NEW_KEY));
        act.recovery.until = 0;
        _expectRefusal(act, IConsentRegistry.ConsentRegistry__BadSigner.selector);
    }

    function test_WhenSomebodyElseSigned_ItReverts() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        signRecovery(act, STRANGER_KEY);
        vm.expectRevert(IConsentRegistry.ConsentRegistry__BadSignature.selector);
        registry.proposeRecovery(act);
    }

    function test_WhenAnotherInstitutionProposes_ItReverts() external {
        vm.prank(ADMIN);
        directory.admitInstitution("clinic", "clinic", signerOf(STRANGER_KEY));
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        act.recovery.custodian = "clinic";
        signRecovery(act, STRANGER_KEY);
        vm.expectRevert(ISignerRecovery.SignerRecovery__NotTheCustodian.selector);
        registry.proposeRecovery(act);
    }

    function test_GivenTheCustodianIsSuspended_WhenItProposesOrCompletes_ItReverts() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.warp(NOW + RECOVERY_DELAY);
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        vm.expectRevert(IConsentRegistry.ConsentRegistry__CustodianNotActive.selector);
        registry.completeRecovery(act.recovery);
        _expectRefusal(
            recoveryAct("again", signerOf(NEW_KEY)), IConsentRegistry.ConsentRegistry__CustodianNotActive.selector
        );
        RecoveryObjection memory objection = objectionAct(LOST, PATIENT_KEY);
        registry.objectToRecovery(objection); // which a suspension does not stop
    }

    function test_GivenAPendingRecovery_WhenAnotherIsProposed_TheDelayStartsAgain() external {
        RecoveryProposal memory first = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(first);
        vm.warp(NOW + RECOVERY_DELAY - 1);
        RecoveryProposal memory second = recoveryAct("again", signerOf(STRANGER_KEY));
        propose(second);
        vm.warp(NOW + RECOVERY_DELAY);
        vm.expectRevert(ISignerRecovery.SignerRecovery__NothingPending.selector);
        registry.completeRecovery(first.recovery);
        uint40 opensAt = NOW + 2 * RECOVERY_DELAY - 1;
        vm.expectRevert(abi.encodeWithSelector(ISignerRecovery.SignerRecovery__StillOpen.selector, opensAt));
        registry.completeRecovery(second.recovery);
        vm.warp(opensAt);
        registry.completeRecovery(second.recovery);
        assertAccepted(_recordAs(STRANGER_KEY));
    }

    function test_GivenAProposal_WhenItIsReplayed_ItReverts() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.expectRevert(IConsentRegistry.ConsentRegistry__IdSpent.selector);
        registry.proposeRecovery(act);
    }

    // ------------------------------------------------------------------ objectToRecovery

    function test_GivenTheOldKeyObjects_TheRecoveryIsOver() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.prank(ADMIN);
        registry.pauseGrants(true); // which stops no objection
        RecoveryObjection memory objection = objectionAct(LOST, PATIENT_KEY);
        vm.recordLogs();
        registry.objectToRecovery(objection);
        logs = vm.getRecordedLogs();
        vm.assertEq(logs[0].topics[2], LOST, "id");
        vm.assertEq(
            logs[0].data,
            abi.encode(digestOf(address(registry), this.hashOfObjection(objection)), objection.signer),
            "data"
        );
        vm.warp(NOW + RECOVERY_DELAY);
        vm.expectRevert(ISignerRecovery.SignerRecovery__NothingPending.selector);
        registry.completeRecovery(act.recovery);
        vm.expectRevert(ISignerRecovery.SignerRecovery__NothingPending.selector);
        registry.objectToRecovery(objection);
    }

    function test_GivenTheDelayHasPassed_UntilItIsCompleted_TheOldKeyCanStillObject() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.warp(NOW + 2 * RECOVERY_DELAY);
        registry.objectToRecovery(objectionAct(LOST, PATIENT_KEY));
        vm.expectRevert(ISignerRecovery.SignerRecovery__NothingPending.selector);
        registry.completeRecovery(act.recovery);
    }

    function test_GivenAGuardian_ItCanObjectWithinItsWindow() external {
        SignerAddition memory addition = additionAct("guardian", signerOf(GUARDIAN_KEY));
        (addition.capacity, addition.until) = (Vocabulary.CAPACITY_GUARDIAN, NOW + 100);
        assertAccepted(addSigner(addition));
        propose(recoveryAct(LOST, signerOf(NEW_KEY)));
        RecoveryObjection memory objection = objectionAct(LOST, GUARDIAN_KEY);
        vm.warp(NOW + 100);
        vm.expectRevert(IConsentRegistry.ConsentRegistry__NoAuthority.selector);
        registry.objectToRecovery(objection);
        vm.warp(NOW + 99);
        registry.objectToRecovery(objection);
    }

    function test_WhenSomebodyWithoutAuthorityObjects_ItReverts() external {
        propose(recoveryAct(LOST, signerOf(NEW_KEY)));
        RecoveryObjection memory objection = objectionAct(LOST, NEW_KEY);
        vm.expectRevert(IConsentRegistry.ConsentRegistry__NoAuthority.selector);
        registry.objectToRecovery(objection);
        objection.signer = signerOf(PATIENT_KEY);
        vm.expectRevert(IConsentRegistry.ConsentRegistry__BadSignature.selector);
        registry.objectToRecovery(objection);
    }

    function test_WhenNothingIsPending_AnObjectionReverts() external {
        RecoveryObjection memory objection = objectionAct(0, PATIENT_KEY);
        vm.expectRevert(ISignerRecovery.SignerRecovery__NothingPending.selector);
        registry.objectToRecovery(objection);
    }

    // ------------------------------------------------------------------ completeRecovery

    function test_GivenNobodyObjected_TheNewSignerActs_AndTheOldOneStill() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.warp(NOW + RECOVERY_DELAY);
        vm.recordLogs();
        registry.completeRecovery(act.recovery);
        logs = vm.getRecordedLogs();
        vm.assertEq(logs[0].topics[0], IConsentRegistry.SignerAdded.selector, "added");
        vm.assertEq(logs[1].topics[0], ISignerRecovery.RecoveryCompleted.selector, "completed");
        (,,,,,, bytes memory by) = abi.decode(logs[0].data, (bytes32, bytes, uint8, uint40, uint40, bytes32, bytes));
        vm.assertEq(by.length, 0, "nobody's signature");
        (bytes32 id, uint40 opensAt) = registry.recovery(PATIENT);
        vm.assertEq(id, 0, "nothing pending");
        vm.assertEq(uint256(opensAt), 0, "nothing pending");
        assertAccepted(_recordAs(NEW_KEY));
        assertAccepted(record(consentAct("other")));
        assertAccepted(removeSigner(removalAct("removal", signerOf(NEW_KEY))));
    }

    function test_GivenTheNewSigner_ItCanRemoveTheLostOne() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.warp(NOW + RECOVERY_DELAY);
        registry.completeRecovery(act.recovery);
        SignerRemoval memory removal = removalAct("removal", signerOf(PATIENT_KEY));
        removal.signer = signerOf(NEW_KEY);
        assertAccepted(removeSigner(removal, NEW_KEY));
        assertRefused(record(consentAct("other")), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
    }

    function test_WhenItIsEarly_ItReverts() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.warp(NOW + RECOVERY_DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ISignerRecovery.SignerRecovery__StillOpen.selector, NOW + RECOVERY_DELAY)
        );
        registry.completeRecovery(act.recovery);
    }

    function testFuzz_WhenItIsNotTheOneThatWasProposed_ItReverts(uint256 field, bytes32 value) external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.warp(NOW + RECOVERY_DELAY);
        bytes32 proposed = keccak256(abi.encode(act.recovery));
        Recovery memory other = act.recovery;
        field %= 7;
        if (field == 0) other.subject = value;
        if (field == 1) other.id = value;
        if (field == 2) other.custodian = value;
        if (field == 3) other.newSigner = abi.encode(value);
        if (field == 4) other.capacity = Vocabulary.CAPACITY_GUARDIAN;
        if (field == 5) other.from = uint40(uint256(value));
        if (field == 6) other.form = value;
        vm.assume(keccak256(abi.encode(other)) != proposed);
        vm.expectRevert(ISignerRecovery.SignerRecovery__NothingPending.selector);
        registry.completeRecovery(other);
    }

    function test_GivenTheSignerWasAddedMeanwhile_ItReverts() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        assertAccepted(addSigner(additionAct("addition", signerOf(NEW_KEY))));
        vm.warp(NOW + RECOVERY_DELAY);
        vm.expectRevert(IConsentRegistry.ConsentRegistry__SignerKnown.selector);
        registry.completeRecovery(act.recovery);
    }

    function test_WhenItIsCompletedTwice_ItReverts() external {
        RecoveryProposal memory act = recoveryAct(LOST, signerOf(NEW_KEY));
        propose(act);
        vm.warp(NOW + RECOVERY_DELAY);
        registry.completeRecovery(act.recovery);
        vm.expectRevert(ISignerRecovery.SignerRecovery__NothingPending.selector);
        registry.completeRecovery(act.recovery);
    }

    function test_WhenThereIsNoDelay_TheContractIsNotDeployed() external {
        vm.expectRevert(ISignerRecovery.SignerRecovery__ZeroDelay.selector);
        this.deployWithoutDelay();
    }

    function deployWithoutDelay() external {
        deploy("ConsentRegistry", abi.encode(manager, directory, uint40(0)));
    }

    // ------------------------------------------------------------------ helpers

    function _recordAs(uint256 key) private returns (bytes4) {
        Consent memory act = consentAct(CONSENT);
        act.signer = signerOf(key);
        return record(act, key);
    }

    function _expectRefusal(RecoveryProposal memory act, bytes4 error_) private {
        signRecovery(act, HOSPITAL_KEY);
        vm.expectRevert(error_);
        registry.proposeRecovery(act);
    }
}
