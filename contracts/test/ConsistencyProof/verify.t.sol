// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsistencyProof} from "../../src/libraries/ConsistencyProof.sol";
import {Tree} from "../utils/Tree.sol";
import {vm} from "../utils/Vm.sol";

contract VerifyTest {
    uint256 private constant MOST = 70;

    function verify(uint64 first, bytes32 firstRoot, uint64 second, bytes32 secondRoot, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return ConsistencyProof.verify(first, firstRoot, second, secondRoot, proof);
    }

    function test_GivenEveryPairOfSmallSizes_TheReferencesProofHolds() external view {
        bytes32[] memory leaves = _leaves(0, 20);
        for (uint64 n = 2; n <= 20; ++n) {
            for (uint64 m = 1; m < n; ++m) {
                vm.assertTrue(_verify(leaves, m, n, Tree.consistency(leaves, m, n)), "holds");
            }
        }
    }

    function testFuzz_GivenATree_TheReferencesProofHolds(uint256 seed, uint64 m, uint64 n) external view {
        (m, n) = _sizes(m, n);
        bytes32[] memory leaves = _leaves(seed, n);
        vm.assertTrue(_verify(leaves, m, n, Tree.consistency(leaves, m, n)), "holds");
    }

    function testFuzz_WhenOneBitOfTheProofIsChanged_ItFails(uint64 m, uint64 n, uint256 node, uint8 bit) external view {
        (m, n) = _sizes(m, n);
        bytes32[] memory leaves = _leaves(1, n);
        bytes32[] memory proof = Tree.consistency(leaves, m, n);
        node %= proof.length;
        proof[node] ^= bytes32(uint256(1) << bit);
        vm.assertFalse(_verify(leaves, m, n, proof), "changed");
    }

    function testFuzz_WhenTheProofIsLongerOrShorter_ItFails(uint64 m, uint64 n, bytes32 more) external view {
        (m, n) = _sizes(m, n);
        bytes32[] memory leaves = _leaves(2, n);
        bytes32[] memory proof = Tree.consistency(leaves, m, n);
        bytes32[] memory longer = new bytes32[](proof.length + 1);
        bytes32[] memory shorter = new bytes32[](proof.length - 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
            if (i > 0) shorter[i - 1] = proof[i];
        }
        longer[proof.length] = more;
        vm.assertFalse(_verify(leaves, m, n, longer), "longer");
        vm.assertFalse(_verify(leaves, m, n, shorter), "shorter");
    }

    function testFuzz_WhenAnOldLeafWasRewritten_NoReferenceProofHolds(uint64 m, uint64 n, uint64 which) external view {
        (m, n) = _sizes(m, n);
        bytes32[] memory leaves = _leaves(3, n);
        bytes32 firstRoot = Tree.root(leaves, 0, m);
        leaves[which % m] = keccak256("rewritten");
        bytes32[] memory proof = Tree.consistency(leaves, m, n);
        vm.assertFalse(this.verify(m, firstRoot, n, Tree.root(leaves, 0, n), proof), "rewritten");
    }

    function testFuzz_WhenTheSizesDoNotRise_ItFails(uint64 first, uint64 second, bytes32 root, bytes32[] memory proof)
        external
        view
    {
        vm.assertFalse(this.verify(0, root, second, root, proof), "from nothing");
        if (first < second) (first, second) = (second, first);
        vm.assertFalse(this.verify(first, root, second, root, proof), "not rising");
    }

    function testFuzz_WhenAnythingIsMadeUp_ItFails(
        uint64 first,
        uint64 second,
        bytes32 firstRoot,
        bytes32 secondRoot,
        bytes32[] memory proof
    ) external view {
        vm.assertFalse(this.verify(first, firstRoot, second, secondRoot, proof), "made up");
    }

    function _verify(bytes32[] memory leaves, uint64 m, uint64 n, bytes32[] memory proof) private view returns (bool) {
        return this.verify(m, Tree.root(leaves, 0, m), n, Tree.root(leaves, 0, n), proof);
    }

    function _sizes(uint64 m, uint64 n) private pure returns (uint64, uint64) {
        n = 2 + n % uint64(MOST - 1);
        return (1 + m % (n - 1), n);
    }

    function _leaves(uint256 seed, uint256 count) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
    }
}
