// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC7913SignatureVerifier} from "@openzeppelin/contracts/interfaces/IERC7913.sol";

/// @notice Signs everything, or nothing.
contract PlainWallet is IERC1271, IERC7913SignatureVerifier {
    bool private _signs;

    constructor(bool signs) {
        _signs = signs;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return _signs ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    function verify(bytes calldata, bytes32, bytes calldata) external view returns (bytes4) {
        return _signs ? IERC7913SignatureVerifier.verify.selector : bytes4(0xffffffff);
    }
}

/// @notice Reverts with the answer that would mean "valid".
contract RevertingWallet {
    fallback() external {
        assembly {
            mstore(0, shl(224, 0x1626ba7e))
            revert(0, 0x20)
        }
    }
}

/// @notice Burns all the gas that it is given.
contract BurningWallet {
    fallback() external {
        while (true) {}
    }
}

/// @notice Answers with so much that what is left of the gas does not pay for a copy.
contract FloodingWallet {
    fallback() external {
        assembly {
            return(0, 600000)
        }
    }
}

/// @notice Signs everything, but only if it is asked with nearly all the gas that a signer is promised.
contract HungryWallet is IERC1271 {
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return gasleft() > 970_000 ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
