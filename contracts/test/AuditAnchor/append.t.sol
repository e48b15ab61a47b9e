// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Accesses, Anchoring, IAuditAnchor} from "../../src/interfaces/IAuditAnchor.sol";
import {PlainWallet} from "../mocks/Wallets.sol";
import {AnchorLedger} from "../utils/AnchorLedger.sol";
import {vm} from "../utils/Vm.sol";

contract AppendTest is AnchorLedger {
    function test_GivenAFirstHead_ItIsAnchoredWithoutAProof() external {
        Anchoring memory act = nextAnchoring(5);
        signAnchoring(act, HOSPITAL_KEY);
        vm.expectEmit();
        emit IAuditAnchor.HeadAnchored(HOSPITAL, 5, act.root, 0, 0);
        anchor.append(act);
        _assertHead(5, act.root);
    }

    function test_GivenALog_ItGrowsByProvenSteps() external {
        bytes32 previous;
        uint64 size;
        for (uint64 step = 1; step < 8; ++step) {
            Anchoring memory act = nextAnchoring(step);
            signAnchoring(act, HOSPITAL_KEY);
            vm.expectEmit();
            emit IAuditAnchor.HeadAnchored(HOSPITAL, size + step, act.root, size, previous);
            anchor.append(act);
            (previous, size) = (act.root, size + step);
            _assertHead(size, previous);
        }
    }

    function test_WhenTheFirstHeadHasAProof_ItReverts() external {
        Anchoring memory act = nextAnchoring(5);
        act.proof = new bytes32[](1);
        _expect(act, abi.encodeWithSelector(IAuditAnchor.AuditAnchor__NotAnExtension.selector, act.size, act.root));
    }

    function testFuzz_WhenTheSizeDoesNotRise_ItReverts(uint64 size) external {
        _append(5);
        Anchoring memory act = nextAnchoring(0);
        act.size = size % 6;
        _expect(act, abi.encodeWithSelector(IAuditAnchor.AuditAnchor__SizeNotRising.selector, act.size, uint64(5)));
    }

    function testFuzz_WhenTheHistoryWasRewritten_ItReverts(uint256 which) external {
        _append(5);
        leaves[which % 5] = "rewritten";
        Anchoring memory act = nextAnchoring(3);
        _expect(act, abi.encodeWithSelector(IAuditAnchor.AuditAnchor__NotAnExtension.selector, act.size, act.root));
    }

    function test_WhenTheLogIsUnknown_ItReverts() external {
        Anchoring memory act = nextAnchoring(1);
        act.log = STUDY;
        _expect(act, abi.encodeWithSelector(IAuditAnchor.AuditAnchor__LogUnknown.selector, STUDY));
    }

    function test_WhenSomebodyElseSigned_ItReverts() external {
        Anchoring memory act = nextAnchoring(1);
        signAnchoring(act, STRANGER_KEY);
        vm.expectRevert(IAuditAnchor.AuditAnchor__BadSignature.selector);
        anchor.append(act);
    }

    function test_GivenAccesses_EachGroupIsEmittedWithTheHead() external {
        Anchoring memory act = nextAnchoring(3);
        withAccess(act, 0, leaves[0], STUDY, ENGINE);
        withAccess(act, 1, leaves[1], "another", ENGINE);
        withAccess(act, 2, leaves[2], "another", ENGINE);
        signAnchoring(act, HOSPITAL_KEY);
        vm.recordLogs();
        anchor.append(act);
        logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "events");
        vm.assertEq(logs[2].topics[0], IAuditAnchor.AccessesRecorded.selector, "event");
        vm.assertEq(logs[2].topics[1], "another", "study");
        vm.assertEq(logs[2].topics[2], ENGINE, "engine");
        vm.assertEq(logs[2].topics[3], HOSPITAL, "log");
        bytes memory entries = abi.encodePacked(uint64(1), leaves[1], uint64(2), leaves[2]);
        vm.assertEq(logs[2].data, abi.encode(entries), "data");
    }

    function testFuzz_WhenAnEventWasChanged_ItReverts(uint8 field) external {
        Anchoring memory act = nextAnchoring(3);
        withAccess(act, 0, leaves[0], STUDY, ENGINE);
        withAccess(act, 1, leaves[1], STUDY, "another");
        signAnchoring(act, HOSPITAL_KEY);
        field %= 5;
        if (field == 0) act.accesses[1].entries[7] = 0x02;
        if (field == 1) act.accesses[1].entries[39] ^= 0x01;
        if (field == 2) act.accesses[1].study = 0;
        if (field == 3) act.accesses[1].engine = ENGINE;
        if (field == 4) act.accesses = new Accesses[](0);
        vm.expectRevert(IAuditAnchor.AuditAnchor__BadSignature.selector);
        anchor.append(act);
    }

    function testFuzz_WhenTheIndexIsOutsideTheHead_ItReverts(uint64 index) external {
        Anchoring memory act = nextAnchoring(3);
        vm.assume(index >= 3);
        withAccess(act, index, 0, STUDY, ENGINE);
        bytes4 selector = IAuditAnchor.AuditAnchor__IndexOutOfRange.selector;
        _expect(act, abi.encodeWithSelector(selector, index, uint64(0), uint64(3)));
    }

    function test_WhenTheIndexIsTheSize_ItReverts() external {
        Anchoring memory act = nextAnchoring(3);
        withAccess(act, 3, 0, STUDY, ENGINE);
        bytes4 selector = IAuditAnchor.AuditAnchor__IndexOutOfRange.selector;
        _expect(act, abi.encodeWithSelector(selector, uint64(3), uint64(0), uint64(3)));
    }

    function testFuzz_WhenTheIndexesDoNotRise_ItReverts(uint64 first, uint64 second) external {
        Anchoring memory act = nextAnchoring(9);
        (first, second) = (first % 9, second % 9);
        vm.assume(second <= first);
        withAccess(act, first, 0, STUDY, ENGINE);
        withAccess(act, second, 0, STUDY, ENGINE);
        bytes4 selector = IAuditAnchor.AuditAnchor__IndexOutOfRange.selector;
        _expect(act, abi.encodeWithSelector(selector, second, first + 1, act.size));
    }

    function testFuzz_WhenTheEntriesAreNoWholeNumber_ItReverts(uint8 length) external {
        vm.assume(length == 0 || length % 40 != 0);
        Anchoring memory act = nextAnchoring(1);
        withAccess(act, 0, leaves[0], STUDY, ENGINE);
        act.accesses[0].entries = new bytes(length);
        _expect(act, abi.encodeWithSelector(IAuditAnchor.AuditAnchor__NotEntries.selector, uint256(length)));
    }

    function test_GivenASignerThatIsAContract_ItsAnswerDecides() external {
        bytes memory key = signerOf(HOSPITAL_KEY);
        vm.etch(vm.addr(HOSPITAL_KEY), address(new PlainWallet(true)).code);
        vm.store(vm.addr(HOSPITAL_KEY), 0, bytes32(uint256(1)));
        Anchoring memory act = nextAnchoring(1);
        act.signature = "whatever the wallet takes";
        anchor.append(act);
        act = nextAnchoring(1);
        vm.store(vm.addr(HOSPITAL_KEY), 0, 0);
        act.signature = "whatever the wallet takes";
        vm.expectRevert(IAuditAnchor.AuditAnchor__BadSignature.selector);
        anchor.append(act);
        vm.assertEq(key.length, 20, "of an address");
    }

    function test_GivenAKeyWhoseAccountDelegatesToCode_ItKeepsSigning() external {
        vm.etch(vm.addr(HOSPITAL_KEY), address(new PlainWallet(true)).code); // whose answer is no
        Anchoring memory act = nextAnchoring(1);
        signAnchoring(act, HOSPITAL_KEY);
        anchor.append(act);
        _assertHead(1, act.root);
    }

    function test_WhenTheEngineIsNotRegistered_ItReverts() external {
        bytes32[2] memory unknown = [bytes32(0), "unknown"];
        for (uint256 i = 0; i < 2; ++i) {
            Anchoring memory act = nextAnchoring(1);
            withAccess(act, 0, leaves[0], STUDY, unknown[i]);
            bytes memory error_ =
                abi.encodeWithSelector(IAuditAnchor.AuditAnchor__EngineNotRegistered.selector, unknown[i]);
            _expect(act, error_);
            act = nextAnchoring(1);
            withAccess(act, 0, leaves[0], STUDY, ENGINE);
            withAccess(act, 0, leaves[0], STUDY, unknown[i]);
            _expect(act, error_);
        }
    }

    function test_GivenARevokedEngineOrASuspendedInstitution_WhatHappenedCanStillBeRecorded() external {
        directory.revokeEngine(ENGINE, revocationSignature(ENGINE, HOSPITAL_KEY));
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        Anchoring memory act = nextAnchoring(1);
        withAccess(act, 0, leaves[0], STUDY, ENGINE);
        signAnchoring(act, HOSPITAL_KEY);
        anchor.append(act);
        _assertHead(1, act.root);
    }

    function _append(uint256 more) private {
        Anchoring memory act = nextAnchoring(more);
        signAnchoring(act, HOSPITAL_KEY);
        anchor.append(act);
    }

    function _expect(Anchoring memory act, bytes memory error_) private {
        signAnchoring(act, HOSPITAL_KEY);
        vm.expectRevert(error_);
        anchor.append(act);
    }

    function _assertHead(uint64 size, bytes32 root) private view {
        (uint64 size_, bytes32 root_) = anchor.head(HOSPITAL);
        vm.assertEq(size_, size, "size");
        vm.assertEq(root_, root, "root");
    }
}
