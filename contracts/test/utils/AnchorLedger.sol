// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Accesses, Anchoring} from "../../src/interfaces/IAuditAnchor.sol";
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
        act.accesses = new Accesses[](0);
    }

    /// @dev One more access: in the last group where that is of the same study and engine, else in a new one.
    function withAccess(Anchoring memory act, uint64 index, bytes32 leaf, bytes32 study, bytes32 engine) internal pure {
        bytes memory entry = abi.encodePacked(index, leaf);
        uint256 count = act.accesses.length;
        if (count != 0 && act.accesses[count - 1].study == study && act.accesses[count - 1].engine == engine) {
            act.accesses[count - 1].entries = bytes.concat(act.accesses[count - 1].entries, entry);
            return;
        }
        Accesses[] memory accesses = new Accesses[](count + 1);
        for (uint256 i = 0; i < count; ++i) {
            accesses[i] = act.accesses[i];
        }
        accesses[count] = Accesses(study, engine, entry);
        act.accesses = accesses;
    }

    function signAnchoring(Anchoring memory act, uint256 key) internal view {
        bytes memory hashes;
        bytes32 typeHash = keccak256("Accesses(bytes32 study,bytes32 engine,bytes entries)");
        for (uint256 i = 0; i < act.accesses.length; ++i) {
            Accesses memory group = act.accesses[i];
            bytes32 entries = keccak256(group.entries);
            hashes = bytes.concat(hashes, keccak256(abi.encode(typeHash, group.study, group.engine, entries)));
        }
        typeHash = keccak256(
            "Anchoring(bytes32 log,uint64 size,bytes32 root,Accesses[] accesses)"
            "Accesses(bytes32 study,bytes32 engine,bytes entries)"
        );
        bytes32 hash = keccak256(abi.encode(typeHash, act.log, act.size, act.root, keccak256(hashes)));
        act.signature = sign(key, address(anchor), hash);
    }
}
