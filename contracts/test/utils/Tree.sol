// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The Merkle tree of RFC 9162 as its definitions read: slow, and the reference for the proof checker
/// @dev https://www.rfc-editor.org/rfc/rfc9162.html#section-2.1
library Tree {
    /// @dev MTH(D[from:until]), the leaves being leaf hashes already.
    function root(bytes32[] memory leaves, uint256 from, uint256 until) internal pure returns (bytes32) {
        if (until - from == 1) return leaves[from];
        uint256 k = split(until - from);
        return sha256(abi.encodePacked(hex"01", root(leaves, from, from + k), root(leaves, from + k, until)));
    }

    /// @dev PROOF(m, D_n) for 0 < m < n.
    function consistency(bytes32[] memory leaves, uint256 m, uint256 n) internal pure returns (bytes32[] memory) {
        return subproof(leaves, m, 0, n, true);
    }

    function subproof(bytes32[] memory leaves, uint256 m, uint256 from, uint256 until, bool whole)
        private
        pure
        returns (bytes32[] memory)
    {
        uint256 n = until - from;
        if (m == n) {
            bytes32[] memory end = new bytes32[](whole ? 0 : 1);
            if (!whole) end[0] = root(leaves, from, until);
            return end;
        }
        uint256 k = split(n);
        if (m <= k) return push(subproof(leaves, m, from, from + k, whole), root(leaves, from + k, until));
        return push(subproof(leaves, m - k, from + k, until, false), root(leaves, from, from + k));
    }

    /// @dev The largest power of two below `n`.
    function split(uint256 n) private pure returns (uint256 k) {
        k = 1;
        while (k * 2 < n) k *= 2;
    }

    function push(bytes32[] memory list, bytes32 last) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i = 0; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = last;
    }
}
