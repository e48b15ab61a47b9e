// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Directory} from "../../src/Directory.sol";
import {IDirectory, StudyFacts, StudyProposal} from "../../src/interfaces/IDirectory.sol";
import {Documents} from "../../src/libraries/Documents.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev proposeStudy, approveStudy, setStudyState.
contract StudiesTest is Ledger {
    bytes32 private constant NEW = "new";

    // ------------------------------------------------------------------ proposeStudy

    function test_GivenAProposal_ItsFactsAreKept() external {
        StudyProposal memory act = _proposal();
        act.uses = Vocabulary.USE_DISEASE | Vocabulary.USE_METHODS;
        act.diseases = new uint32[][](2);
        act.diseases[0] = new uint32[](9);
        act.diseases[0][8] = 77;
        act.diseases[1] = new uint32[](1);
        propose(act);
        StudyFacts memory facts = directory.study(NEW);
        vm.assertEq(facts.institution, HOSPITAL, "institution");
        vm.assertEq(facts.number, 2, "number");
        vm.assertEq(facts.state, 1, "state");
        vm.assertEq(facts.uses, act.uses, "uses");
        vm.assertEq(keccak256(abi.encode(facts.diseases)), keccak256(abi.encode(act.diseases)), "diseases");
        vm.assertEq(directory.studyNumber(NEW), 2, "number");
    }

    function test_GivenAPurpose_ItsHashIsKept() external {
        StudyProposal memory act = _proposal();
        act.purpose = '{"nonprofit":true}';
        propose(act);
        vm.assertEq(directory.studyPurpose(NEW), sha256(act.purpose), "purpose");
        vm.assertEq(directory.studyPurpose(STUDY), sha256(""), "none");
    }

    function test_WhenThePurposeIsTooLong_ItReverts() external {
        StudyProposal memory act = _proposal();
        act.purpose = new bytes(Documents.MAX_LENGTH + 1);
        _expectRefusal(
            act,
            abi.encodeWithSelector(
                Documents.Documents__TooLong.selector, Documents.MAX_LENGTH + 1, Documents.MAX_LENGTH
            )
        );
        act.purpose = new bytes(Documents.MAX_LENGTH);
        propose(act);
    }

    function test_WhenTheFormIsWrong_ItReverts() external {
        StudyProposal memory act = _proposal();
        act.uses = 0;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__UnknownCode.selector));
        act.uses = 1 << 6;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__UnknownCode.selector));
        act = _proposal();
        act.conditions = 1 << 8;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__UnknownCode.selector));
        act = _proposal();
        act.uses = Vocabulary.USE_DISEASE;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__NoDisease.selector));
        act.diseases = new uint32[][](1);
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__NoDisease.selector));
        act = _proposal();
        act.diseases = new uint32[][](1);
        act.diseases[0] = new uint32[](1);
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__NoDisease.selector));
        act = _proposal();
        act.id = 0;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__ZeroId.selector));
        act.id = STUDY;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__IdTaken.selector, STUDY));
        act = _proposal();
        act.deadline = NOW - 1;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__DeadlinePassed.selector, NOW - 1));
    }

    function test_WhenTheInstitutionIsNotActive_ItReverts() external {
        StudyProposal memory act = _proposal();
        act.institution = "nobody";
        _expectRefusal(
            act, abi.encodeWithSelector(IDirectory.Directory__InstitutionUnknown.selector, bytes32("nobody"))
        );
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        _expectRefusal(
            _proposal(), abi.encodeWithSelector(IDirectory.Directory__InstitutionNotActive.selector, HOSPITAL)
        );
    }

    function testFuzz_WhenASignedFieldWasChanged_ItReverts(uint256 field, uint256 value) external {
        StudyProposal memory act = _proposal();
        act.uses = Vocabulary.USE_DISEASE;
        act.diseases = new uint32[][](1);
        act.diseases[0] = new uint32[](1);
        act.diseases[0][0] = 5;
        signStudy(act, HOSPITAL_KEY);
        field %= 7;
        vm.assume(value != 0 && uint32(value) != 2 && uint32(value) != 5 && uint40(value) != FOREVER);
        if (field == 0) act.title = "another";
        if (field == 1) act.conditions = uint16(1 + (value % 255));
        if (field == 2) act.requiredTerms = uint32(value);
        if (field == 3) act.ethics = bytes32(value);
        if (field == 4) act.ethicsUntil = uint40(value);
        if (field == 5) act.diseases[0][0] = uint32(value);
        if (field == 6) act.purpose = abi.encode(value);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.proposeStudy(act);
    }

    // ------------------------------------------------------------------ approveStudy

    function test_GivenTwoApprovalsAreRequired_TwoReviewersMustGiveThem() external {
        directory = Directory(deploy("Directory", abi.encode(manager, 2)));
        vm.prank(ADMIN);
        directory.admitInstitution(HOSPITAL, "hospital", signerOf(HOSPITAL_KEY));
        vm.prank(ADMIN);
        directory.nameReviewer(REVIEWER, "one", signerOf(REVIEWER_KEY), true);
        vm.prank(ADMIN);
        directory.nameReviewer("two", "two", signerOf(STRANGER_KEY), true);
        propose(_proposal());
        approve(NEW);
        vm.assertEq(directory.study(NEW).state, 1, "not yet");
        bytes memory again = approvalSignature(NEW, REVIEWER, NOW, REVIEWER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__AlreadyApproved.selector, NEW, REVIEWER));
        directory.approveStudy(NEW, REVIEWER, NOW, again);
        directory.approveStudy(NEW, "two", NOW, approvalSignature(NEW, "two", NOW, STRANGER_KEY));
        vm.assertEq(directory.study(NEW).state, 2, "approved");
    }

    function test_WhenNoActiveReviewerSigned_ItReverts() external {
        propose(_proposal());
        bytes memory signature = approvalSignature(NEW, REVIEWER, NOW, HOSPITAL_KEY);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.approveStudy(NEW, REVIEWER, NOW, signature);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__ReviewerUnknown.selector, HOSPITAL));
        directory.approveStudy(NEW, HOSPITAL, NOW, signature);
        vm.prank(ADMIN);
        directory.nameReviewer(REVIEWER, "reviewer", signerOf(REVIEWER_KEY), false);
        signature = approvalSignature(NEW, REVIEWER, NOW, REVIEWER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__ReviewerUnknown.selector, REVIEWER));
        directory.approveStudy(NEW, REVIEWER, NOW, signature);
    }

    function test_WhenTheStudyIsUnknownOrPastIt_ItReverts() external {
        bytes memory signature = approvalSignature(NEW, REVIEWER, NOW, REVIEWER_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__StudyUnknown.selector, NEW));
        directory.approveStudy(NEW, REVIEWER, NOW, signature);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__BadTransition.selector, uint8(3), uint8(2)));
        directory.approveStudy(STUDY, REVIEWER, NOW, signature);
    }

    // ------------------------------------------------------------------ setStudyState

    function testFuzz_OnlyTheNamedTransitionsAreAccepted(uint8 course, uint8 to) external {
        propose(_proposal());
        uint8 from = 1;
        course %= 5;
        if (course >= 1) {
            approve(NEW);
            from = 2;
        }
        if (course >= 2) {
            moveStudy(NEW, 2, 3);
            from = 3;
        }
        if (course >= 3) {
            from = course == 3 ? 4 : 5;
            moveStudy(NEW, 3, from);
        }
        bool allowed = (to == 3 && (from == 2 || from == 4)) || (to == 4 && from == 3) || (to == 5 && from != 5);
        bytes memory signature = moveSignature(NEW, from, to, NOW + 5, HOSPITAL_KEY);
        if (!allowed) vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__BadTransition.selector, from, to));
        directory.setStudyState(NEW, from, to, NOW + 5, signature);
        vm.assertEq(directory.study(NEW).state, allowed ? to : from, "state");
    }

    function test_WhenTheMessageNamesAnotherState_ItReverts() external {
        bytes memory signature = moveSignature(STUDY, 4, 3, NOW, HOSPITAL_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__BadTransition.selector, uint8(4), uint8(3)));
        directory.setStudyState(STUDY, 4, 3, NOW, signature);
    }

    /// @dev A study comes back to a state: the old message must not send it off again.
    function test_GivenTheStateComesBack_WhenAnOldMessageIsReplayed_ItReverts() external {
        uint40 deadline = NOW + 1 days;
        bytes memory resume = moveSignature(STUDY, 4, 3, deadline, HOSPITAL_KEY);
        moveStudy(STUDY, 3, 4);
        directory.setStudyState(STUDY, 4, 3, deadline, resume);
        vm.warp(NOW + 1);
        moveStudy(STUDY, 3, 4);
        bytes32 typeHash = keccak256("StudyState(bytes32 id,uint8 from,uint8 to,uint40 deadline)");
        bytes32 digest =
            digestOf(address(directory), keccak256(abi.encode(typeHash, STUDY, uint8(4), uint8(3), deadline)));
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__Replayed.selector, digest));
        directory.setStudyState(STUDY, 4, 3, deadline, resume);
    }

    function test_WhenSomebodyElseSignedOrTooLate_ItReverts() external {
        bytes memory signature = moveSignature(STUDY, 3, 4, NOW, STRANGER_KEY);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.setStudyState(STUDY, 3, 4, NOW, signature);
        signature = moveSignature(STUDY, 3, 4, NOW - 1, HOSPITAL_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__DeadlinePassed.selector, NOW - 1));
        directory.setStudyState(STUDY, 3, 4, NOW - 1, signature);
    }

    function test_GivenTheInstitutionIsSuspended_ItsStudiesCanBeStoppedButNotStarted() external {
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        moveStudy(STUDY, 3, 4);
        bytes memory signature = moveSignature(STUDY, 4, 3, NOW, HOSPITAL_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__InstitutionNotActive.selector, HOSPITAL));
        directory.setStudyState(STUDY, 4, 3, NOW, signature);
    }

    function _proposal() private pure returns (StudyProposal memory act) {
        act = studyAct();
        act.id = NEW;
    }

    function _expectRefusal(StudyProposal memory act, bytes memory error_) private {
        signStudy(act, HOSPITAL_KEY);
        vm.expectRevert(error_);
        directory.proposeStudy(act);
    }
}
