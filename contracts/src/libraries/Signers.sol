// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The form of an ERC-7913 signer
/// @dev https://eips.ethereum.org/EIPS/eip-7913
library Signers {
    /// @dev Room for every key in use (RSA-4096 with its exponent included); bounds what a log must carry.
    uint256 internal constant MAX_LENGTH = 1024;

    /// @notice Whether `signer` is an address (20 bytes), or the address of a deployed verifier and a key.
    /// @dev A verifier must have code. The identity precompile (0x04) has none, yet echoes its call data, whose first
    /// word is exactly the answer that ERC-7913 takes for "valid": as a verifier it would accept every signature.
    function isWellFormed(bytes calldata signer) internal view returns (bool) {
        if (signer.length < 20 || signer.length > MAX_LENGTH) return false;
        address account = address(bytes20(signer));
        return signer.length == 20 ? account != address(0) : account.code.length != 0;
    }
}
