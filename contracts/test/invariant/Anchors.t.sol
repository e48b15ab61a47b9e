// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Anchoring, IAuditAnchor} from "../../src/interfaces/IAuditAnchor.sol";
import {AnchorLedger} from "../utils/AnchorLedger.sol";
import {Invariants} from "../utils/Invariants.sol";
import {Tree} from "../utils/Tree.sol";
import {vm} from "../utils/Vm.sol";

/// @dev An institution that anchors its log, honestly or not.
contract AnchorHandler is AnchorLedger {
    uint256 private constant MOST = 24;

    uint256 public accesses;
    uint256 public anchored;

    function appendHonestly(uint256 more, uint8 events) external {
        if (leaves.length >= MOST) return;
        Anchoring memory act = nextAnchoring(1 + more % 5);
        uint256 groups = 0;
        for (uint64 i = 0; i < events % 4 && i < act.size; ++i) {
            bytes32 study = i < events % 3 ? STUDY : CONSENT;
            if (i == 0 || i == events % 3) ++groups;
            withAccess(act, i, leaves[i], study, ENGINE);
        }
        vm.assertEq(act.accesses.length, groups, "a group a study");
        signAnchoring(act, HOSPITAL_KEY);
        vm.assertTrue(_try(act), "an honest head is anchored");
        ++anchored;
        accesses += act.accesses.length;
    }

    /// @dev Anchors another history of the same length or longer, with its own sound-looking proof.
    function appendAnotherHistory(uint256 which, uint256 more) external {
        if (leaves.length == 0) return;
        which %= leaves.length;
        bytes32 kept = leaves[which];
        uint256 size = leaves.length;
        leaves[which] = keccak256("another history");
        Anchoring memory act = nextAnchoring(1 + more % 5);
        signAnchoring(act, HOSPITAL_KEY);
        vm.assertFalse(_try(act), "another history is not anchored");
        while (leaves.length > size) leaves.pop();
        leaves[which] = kept;
    }

    function appendNoLonger(uint256 size) external {
        if (leaves.length == 0) return;
        Anchoring memory act = nextAnchoring(0);
        act.size = uint64(size % (leaves.length + 1));
        if (act.size != 0) act.root = Tree.root(leaves, 0, act.size);
        signAnchoring(act, HOSPITAL_KEY);
        vm.assertFalse(_try(act), "a head must rise");
    }

    function appendBySomebodyElse(bool admin) external {
        uint256 size = leaves.length;
        Anchoring memory act = nextAnchoring(1);
        signAnchoring(act, STRANGER_KEY);
        if (admin) vm.prank(ADMIN);
        vm.assertFalse(_try(act), "only the institution anchors");
        while (leaves.length > size) leaves.pop();
    }

    function appendForAnUnknownEngine(bytes32 engine) external {
        vm.assume(engine != ENGINE);
        uint256 size = leaves.length;
        Anchoring memory act = nextAnchoring(1);
        withAccess(act, 0, leaves[0], STUDY, engine);
        signAnchoring(act, HOSPITAL_KEY);
        vm.assertFalse(_try(act), "only for a registered engine");
        while (leaves.length > size) leaves.pop();
    }

    function expectedHead() external view returns (uint64 size, bytes32 root) {
        size = uint64(leaves.length);
        root = size == 0 ? bytes32(0) : Tree.root(leaves, 0, size);
    }

    function actualHead() external view returns (uint64, bytes32) {
        return anchor.head(HOSPITAL);
    }

    /// @dev Counts the events too: those of a call that failed are gone with it.
    function _try(Anchoring memory act) private returns (bool) {
        vm.recordLogs();
        try anchor.append(act) {
            logs = vm.getRecordedLogs();
            vm.assertEq(logs[0].topics[0], IAuditAnchor.HeadAnchored.selector, "the head comes first");
            vm.assertEq(logs.length, 1 + act.accesses.length, "and every group of accesses with it");
            return true;
        } catch {
            return false;
        }
    }
}

contract AnchorInvariants is Invariants {
    function setUp() external {
        AnchorHandler handler_ = new AnchorHandler();
        handler_.setUp();
        handler = address(handler_);
    }

    function selectors() internal pure override returns (bytes4[] memory list) {
        list = new bytes4[](5);
        list[0] = AnchorHandler.appendHonestly.selector;
        list[1] = AnchorHandler.appendAnotherHistory.selector;
        list[2] = AnchorHandler.appendNoLonger.selector;
        list[3] = AnchorHandler.appendBySomebodyElse.selector;
        list[4] = AnchorHandler.appendForAnUnknownEngine.selector;
    }

    /// @dev That accesses come with a head, and only for a registered engine (rule 5), is asserted at each act.
    function invariant_Rules456_TheHeadIsThatOfTheHonestLog() external view {
        (uint64 size, bytes32 root) = AnchorHandler(handler).actualHead();
        (uint64 size_, bytes32 root_) = AnchorHandler(handler).expectedHead();
        vm.assertEq(size, size_, "size");
        vm.assertEq(root, root_, "root");
    }
}
