// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice The calling contract's own view onto SignatureChecker, so that it can be asked with a gas limit.
interface ISignatureGate {
    function isSignedBy(bytes calldata signer, bytes32 digest, bytes calldata signature) external view returns (bool);
}

/// @title Signatures in a batch, where no signer may spoil the others
/// @notice A key that is an address is recovered on the spot. Every other signer is foreign code: it is asked with a
/// bounded amount of gas, and neither a revert, nor burnt gas, nor a flood of return data gets past the call.
/// @dev What remains: each such signer can make its relayer pay CALL_GAS for nothing. A relayer that simulates before
/// it sends does not carry the act.
library SignatureGate {
    /// @dev A passkey costs at most some 350,000 where the chain lacks the P-256 precompile; room for a wallet of two.
    uint256 internal constant CALL_GAS = 1_000_000;
    /// @dev What must be left to forward CALL_GAS whole (EIP-150 keeps back a 64th) and to go on afterwards.
    uint256 internal constant GAS_NEEDED = CALL_GAS * 64 / 63 + 50_000;

    /// @notice The transaction has too little gas to ask a signer. Without this check, whoever sends it could have a
    /// good signature refused by giving it too little.
    error SignatureGate__OutOfGas(uint256 left, uint256 needed);

    /// @notice Whether `signer` (ERC-7913 bytes) signed `digest`.
    function isSigned(bytes calldata signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signer.length == 20) {
            (bool signed, bool final_) = _askKey(address(bytes20(signer)), digest, signature);
            if (final_) return signed;
        }
        return _askCode(signer, digest, signature);
    }

    /// @notice The same for a signer that was read from storage.
    function isSignedBy(bytes memory signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signer.length == 20) {
            (bool signed, bool final_) = _askKey(address(bytes20(signer)), digest, signature);
            if (final_) return signed;
        }
        return _askCode(signer, digest, signature);
    }

    /// @notice Whether the key of `account` signed `digest`.
    function isByKey(address account, bytes32 digest, bytes calldata signature) internal pure returns (bool) {
        (address recovered, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, signature);
        return err == ECDSA.RecoverError.NoError && recovered == account;
    }

    /// @dev The key first: it stays good where its account has code (EIP-7702), and this saves a cold account read.
    /// Only an account with code is left to say otherwise.
    function _askKey(address account, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool signed, bool final_)
    {
        signed = isByKey(account, digest, signature);
        final_ = signed || account.code.length == 0;
    }

    function _askCode(bytes memory signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        require(gasleft() >= GAS_NEEDED, SignatureGate__OutOfGas(gasleft(), GAS_NEEDED));
        try ISignatureGate(address(this)).isSignedBy{gas: CALL_GAS}(signer, digest, signature) returns (bool signed) {
            return signed;
        } catch {
            return false;
        }
    }
}
