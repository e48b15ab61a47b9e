// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessEvent, Anchoring} from "../../src/interfaces/IAuditAnchor.sol";
import {Ledger} from "./Ledger.sol";
import {Tree} from "./Tree.sol";

/// @notice A ledger whose hospital keeps a log.
abstract contract AnchorLedger is Ledger {
    /// @dev The leaves of the hospital's log, as it wrote them.
    bytes32[] internal leaves;

    /// @dev The next anchoring: `more` further leaves, and no access event.
    function nextAnchoring(uint256 more) internal returns (Anchoring memory act) {
        (uint64 size,) = anchor.head(HOSPITAL);
        for (uint256 i = 0; i < more; ++i) {
            leaves.push(keccak256(abi.encode("leaf", leaves.length)));
        }
        act.log = HOSPITAL;
        act.size = uint64(leaves.length);
        act.root = Tree.root(leaves, 0, leaves.length);
        act.proof =
            size == 0 || size >= leaves.length ? new bytes32[](0) : Tree.consistency(leaves, size, leaves.length);
        act.events = new AccessEvent[](0);
    }

    function withEvent(Anchoring memory act, AccessEvent memory access) internal pure {
        AccessEvent[] memory events = new AccessEvent[](act.events.length + 1);
        for (uint256 i = 0; i < act.events.length; ++i) {
            events[i] = act.events[i];
        }
        events[act.events.length] = access;
        act.events = events;
    }

    function signAnchoring(Anchoring memory act, uint256 key) internal view {
        bytes memory words;
        for (uint256 i = 0; i < act.events.length; ++i) {
            AccessEvent memory access = act.events[i];
            words = bytes.concat(words, abi.encode(access.index, access.leaf, access.study, access.engine));
        }
        bytes32 typeHash = keccak256("Anchoring(bytes32 log,uint64 size,bytes32 root,bytes32 eventsHash)");
        bytes32 hash = keccak256(abi.encode(typeHash, act.log, act.size, act.root, keccak256(words)));
        act.signature = sign(key, address(anchor), hash);
    }
}
