// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsistencyProof} from "../../src/libraries/ConsistencyProof.sol";

/// @title Rule 4, symbolically: the proof checker is the verifier that RFC 9162's definition of a proof implies
/// @notice The roots and every node of the proof are symbolic; sizes and lengths are walked through one by one. SHA-256
/// is any function at all to the solver, so that what is proved needs no assumption about it.
/// @dev https://www.rfc-editor.org/rfc/rfc9162.html#section-2.1.4.1
contract ConsistencyProofSymbolic {
    uint64 private constant MOST_LEAVES = 17;
    uint256 private constant MOST_NODES = 7; // one more than the longest sound proof of so few leaves

    /// @dev What is left of a proof while both roots are computed from it.
    struct Reading {
        uint256 left;
        bool sound;
    }

    function verify(uint64 first, bytes32 firstRoot, uint64 second, bytes32 secondRoot, bytes32[] calldata proof)
        public
        view
        returns (bool)
    {
        return ConsistencyProof.verify(first, firstRoot, second, secondRoot, proof);
    }

    function check_rule4_TheCheckerIsTheReference(
        uint8 sizes,
        uint8 length,
        bytes32 firstRoot,
        bytes32 secondRoot,
        bytes32[MOST_NODES] calldata nodes
    ) external view {
        (uint64 m, uint64 n) = _sizes(sizes);
        bytes32[] memory proof = new bytes32[](_below(length, MOST_NODES + 1));
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] = nodes[i];
        }
        bool accepted = this.verify(m, firstRoot, n, secondRoot, proof);
        assert(accepted == _reference(m, firstRoot, n, secondRoot, proof));
    }

    /// @dev A path of its own for every pair of sizes, also those that do not rise.
    function _sizes(uint8 choice) private pure returns (uint64 m, uint64 n) {
        uint256 place = 0;
        for (n = 0; n <= MOST_LEAVES; ++n) {
            for (m = 0; m <= n; ++m) {
                if (choice == place++) return (m, n);
            }
        }
        return (1, 0);
    }

    /// @dev A path of its own for every number below `bound`.
    function _below(uint256 choice, uint256 bound) private pure returns (uint256 number) {
        for (number = 0; number < bound - 1; ++number) {
            if (choice == number) return number;
        }
    }

    /// @dev Reads the proof as PROOF(m, D_n) writes it, from its end, and says whether both roots come out.
    function _reference(uint64 m, bytes32 firstRoot, uint64 n, bytes32 secondRoot, bytes32[] memory proof)
        private
        pure
        returns (bool)
    {
        if (m == 0 || m >= n) return false;
        Reading memory reading = Reading(proof.length, true);
        (bytes32 first, bytes32 second) = _subproof(m, n, true, firstRoot, proof, reading);
        return reading.sound && reading.left == 0 && first == firstRoot && second == secondRoot;
    }

    /// @dev The roots of the old part and of all of a subtree of `n` leaves, `m` of which are old.
    function _subproof(
        uint256 m,
        uint256 n,
        bool whole,
        bytes32 firstRoot,
        bytes32[] memory proof,
        Reading memory reading
    ) private pure returns (bytes32 first, bytes32 second) {
        if (m == n) {
            first = whole ? firstRoot : _next(proof, reading);
            return (first, first);
        }
        uint256 k = 1;
        while (k * 2 < n) k *= 2;
        bytes32 sibling = _next(proof, reading);
        if (m <= k) {
            (first, second) = _subproof(m, k, whole, firstRoot, proof, reading);
            return (first, _parent(second, sibling));
        }
        (first, second) = _subproof(m - k, n - k, false, firstRoot, proof, reading);
        return (_parent(sibling, first), _parent(sibling, second));
    }

    function _next(bytes32[] memory proof, Reading memory reading) private pure returns (bytes32) {
        if (reading.left == 0) {
            reading.sound = false;
            return 0;
        }
        return proof[--reading.left];
    }

    function _parent(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"01", left, right));
    }
}
