// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DatasetAmendment, DatasetRegistration, IDatasetRegistry} from "../../src/interfaces/IDatasetRegistry.sol";
import {EngineRegistration, IDirectory, StudyProposal} from "../../src/interfaces/IDirectory.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev The mirror knows the Directory from its events alone: each change announces itself, and says what it is.
contract AnnouncedTest is Ledger {
    bytes32 private constant NEW = "new";

    function test_GivenTexts_AndReviewers_TheyAreAnnounced_AndZeroNamesNone() external {
        vm.expectEmit();
        emit IDirectory.ReviewerNamed(NEW, "second", signerOf(STRANGER_KEY), true);
        vm.prank(ADMIN);
        directory.nameReviewer(NEW, "second", signerOf(STRANGER_KEY), true);
        vm.expectEmit();
        emit IDirectory.TermsPublished(NEW, 3, "de", "uri");
        vm.prank(ADMIN);
        directory.publishTerms(NEW, 3, "de", "uri");

        bytes memory signer = signerOf(STRANGER_KEY);
        vm.expectRevert(IDirectory.Directory__ZeroId.selector);
        vm.prank(ADMIN);
        directory.nameReviewer(0, "second", signer, true);
        vm.expectRevert(IDirectory.Directory__ZeroId.selector);
        vm.prank(ADMIN);
        directory.publishTerms(0, 3, "de", "uri");
    }

    function test_GivenAStudy_EachStepIsAnnounced() external {
        StudyProposal memory act = studyAct();
        (act.id, act.conditions) = (NEW, 5);
        propose(act);
        vm.assertEq(directory.study(NEW).conditions, 5, "conditions");

        bytes memory late = approvalSignature(NEW, REVIEWER, NOW - 1, REVIEWER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__DeadlinePassed.selector, NOW - 1));
        directory.approveStudy(NEW, REVIEWER, NOW - 1, late);
        bytes32 typeHash = keccak256("StudyApproval(bytes32 id,bytes32 reviewer,uint40 deadline)");
        bytes32 digest = digestOf(address(directory), keccak256(abi.encode(typeHash, NEW, REVIEWER, NOW)));
        bytes memory signature = approvalSignature(NEW, REVIEWER, NOW, REVIEWER_KEY);
        vm.expectEmit();
        emit IDirectory.StudyApproved(NEW, REVIEWER, digest, 1);
        vm.expectEmit();
        emit IDirectory.StudyStateChanged(NEW, digest, 2);
        directory.approveStudy(NEW, REVIEWER, NOW, signature);

        typeHash = keccak256("StudyState(bytes32 id,uint8 from,uint8 to,uint40 deadline)");
        digest = digestOf(address(directory), keccak256(abi.encode(typeHash, NEW, uint8(2), uint8(3), NOW)));
        signature = moveSignature(NEW, 2, 3, NOW, HOSPITAL_KEY);
        vm.expectEmit();
        emit IDirectory.StudyStateChanged(NEW, digest, 3);
        directory.setStudyState(NEW, 2, 3, NOW, signature);
    }

    function test_GivenAnInstitution_ItsSuspensionIsAnnounced() external {
        vm.expectEmit();
        emit IDirectory.InstitutionStateChanged(HOSPITAL, 2);
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
    }

    function test_WhenNoApprovalIsRequired_ItIsNotDeployed() external {
        vm.expectRevert(IDirectory.Directory__ZeroApprovals.selector);
        this.deployWithApprovals(0);
        this.deployWithApprovals(1);
    }

    function deployWithApprovals(uint32 required) external {
        deploy("Directory", abi.encode(manager, required));
    }

    function test_WhenAnUnknownStudyIsMoved_ItReverts() external {
        bytes memory signature = moveSignature(NEW, 0, 5, NOW, HOSPITAL_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__StudyUnknown.selector, NEW));
        directory.setStudyState(NEW, 0, 5, NOW, signature);
    }

    function test_GivenAnEngine_ItsComingAndGoingAreAnnounced() external {
        EngineRegistration memory act = engineAct();
        act.id = NEW;
        signEngine(act, HOSPITAL_KEY);
        bytes32 typeHash = keccak256(
            "EngineRegistration(bytes32 id,bytes32 institution,string name,bytes signer,uint16 operations,"
            "uint40 deadline)"
        );
        bytes32 name = keccak256(bytes(act.name));
        bytes32 hash =
            keccak256(abi.encode(typeHash, NEW, HOSPITAL, name, keccak256(act.signer), act.operations, act.deadline));
        bytes32 digest = digestOf(address(directory), hash);
        vm.expectEmit();
        emit IDirectory.EngineRegistered(NEW, HOSPITAL, digest, act.name, act.signer, act.operations);
        directory.registerEngine(act);

        digest = digestOf(address(directory), keccak256(abi.encode(keccak256("EngineRevocation(bytes32 id)"), NEW)));
        bytes memory signature = revocationSignature(NEW, HOSPITAL_KEY);
        vm.expectEmit();
        emit IDirectory.EngineRevoked(NEW, digest);
        directory.revokeEngine(NEW, signature);
    }

    function test_GivenADataset_ItsAmendmentAndClosureAreAnnounced() external {
        bytes32 typeHash = keccak256("DatasetRegistration(bytes32 id,bytes32 custodian,bytes terms,uint40 deadline)");
        bytes32 hash = keccak256(abi.encode(typeHash, NEW, HOSPITAL, keccak256("one"), NOW));
        bytes memory signature = sign(HOSPITAL_KEY, address(directory), hash);
        directory.registerDataset(DatasetRegistration(NEW, HOSPITAL, "one", NOW, signature));

        typeHash = keccak256("DatasetAmendment(bytes32 id,uint32 version,bytes terms,uint40 deadline)");
        hash = keccak256(abi.encode(typeHash, NEW, uint32(2), keccak256("two"), NOW));
        signature = sign(HOSPITAL_KEY, address(directory), hash);
        bytes32 digest = digestOf(address(directory), hash);
        vm.expectEmit();
        emit IDatasetRegistry.DatasetAmended(NEW, digest, 2, "two");
        directory.amendDataset(DatasetAmendment(NEW, 2, "two", NOW, signature));

        hash = keccak256(abi.encode(keccak256("DatasetClosure(bytes32 id)"), NEW));
        signature = sign(HOSPITAL_KEY, address(directory), hash);
        digest = digestOf(address(directory), hash);
        vm.expectEmit();
        emit IDatasetRegistry.DatasetClosed(NEW, digest);
        directory.closeDataset(NEW, signature);
    }
}
