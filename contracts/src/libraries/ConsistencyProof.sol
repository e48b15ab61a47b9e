// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title RFC 9162 consistency proofs over SHA-256
/// @notice Proves that a tree of `second` leaves begins with the very leaves of a tree of `first`.
/// @dev https://www.rfc-editor.org/rfc/rfc9162.html#section-2.1.4.2
library ConsistencyProof {
    /// @dev The prefix that tells an inner node from a leaf (RFC 9162 section 2.1.1).
    uint256 private constant NODE_PREFIX = 0x01;
    uint256 private constant SHA256_PRECOMPILE = 0x02;

    /// @notice Whether `proof` shows that the tree (`second`, `secondRoot`) extends the tree (`first`, `firstRoot`).
    /// @dev Sizes that do not rise from at least 1 are never consistent here: equal trees need no proof, and any tree
    /// extends the empty one.
    function verify(uint64 first, bytes32 firstRoot, uint64 second, bytes32 secondRoot, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        if (first == 0 || first >= second) return false;
        // The old tree is one complete subtree: its root is the proof's first node, and is left out of the proof.
        bool complete = first & (first - 1) == 0;
        if (!complete && proof.length == 0) return false;

        uint256 fn = first - 1;
        uint256 sn = second - 1;
        while (fn & 1 == 1) {
            fn >>= 1;
            sn >>= 1;
        }
        bytes32 fr = complete ? firstRoot : proof[0];
        bytes32 sr = fr;
        for (uint256 i = complete ? 0 : 1; i < proof.length; ++i) {
            if (sn == 0) return false;
            bytes32 node = proof[i];
            if (fn & 1 == 1 || fn == sn) {
                fr = _parent(node, fr);
                sr = _parent(node, sr);
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                sr = _parent(sr, node);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && fr == firstRoot && sr == secondRoot;
    }

    /// @dev SHA-256(0x01 || left || right), without leaving each input behind in memory.
    function _parent(bytes32 left, bytes32 right) private view returns (bytes32 result) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore8(input, NODE_PREFIX)
            mstore(add(input, 0x01), left)
            mstore(add(input, 0x21), right)
            // Fails only where it runs out of gas, and then so must the caller.
            if iszero(staticcall(gas(), SHA256_PRECOMPILE, input, 0x41, 0x00, 0x20)) { revert(0, 0) }
            result := mload(0x00)
        }
    }
}
