// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @notice The contract's own view onto SignatureChecker, so that it can be asked with a gas limit.
interface ISignatureGate {
    function isSignedBy(bytes calldata signer, bytes32 digest, bytes calldata signature) external view returns (bool);
}

/// @title Signatures in a batch, where no signer may spoil the others
/// @notice A key that is an address is recovered here. Every other signer is foreign code: it is asked with a bounded
/// amount of gas, and neither a revert, nor burnt gas, nor a flood of return data gets past the call.
/// @dev What remains: each such signer can make its relayer pay CALL_GAS. A relayer that simulates before it sends does
/// not carry it.
library SignatureGate {
    /// @dev A passkey costs at most some 350,000 where the chain lacks the P-256 precompile; room for a wallet of two.
    uint256 internal constant CALL_GAS = 1_000_000;
    /// @dev What must be left to forward CALL_GAS whole (EIP-150 keeps back a 64th) and to go on afterwards.
    uint256 internal constant GAS_NEEDED = CALL_GAS * 64 / 63 + 50_000;

    /// @notice The transaction has too little gas to ask a signer. Without this, whoever sends it could have a good
    /// signature refused by giving it too little.
    error SignatureGate__OutOfGas(uint256 left, uint256 needed);

    /// @notice Whether `signer` (ERC-7913 bytes) signed `digest`.
    function isSigned(bytes memory signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signer.length < 20) return false;
        if (signer.length == 20) {
            address account = address(bytes20(signer));
            // The key first: it stays good where its account has code (EIP-7702), and this saves a cold account read.
            (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
            if (err == ECDSA.RecoverError.NoError && recovered == account) return true;
            if (account.code.length == 0) return false;
        }
        require(gasleft() >= GAS_NEEDED, SignatureGate__OutOfGas(gasleft(), GAS_NEEDED));
        try ISignatureGate(address(this)).isSignedBy{gas: CALL_GAS}(signer, digest, signature) returns (bool signed) {
            return signed;
        } catch {
            return false;
        }
    }

    /// @notice What the contract's `isSignedBy` must answer.
    function askSigner(bytes calldata signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        return SignatureChecker.isValidSignatureNow(signer, digest, signature);
    }
}
