// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Documents that an event carries whole, and storage by their hash
/// @dev Nobody reads them here: a document that is not what it should be is the readers' to deny.
library Documents {
    /// @notice Bounds what an event must carry, in bytes.
    uint256 internal constant MAX_LENGTH = 8192;

    error Documents__TooLong(uint256 length, uint256 most);

    /// @notice The SHA-256 of a document that is not too long.
    function digest(bytes calldata document) internal pure returns (bytes32) {
        require(document.length <= MAX_LENGTH, Documents__TooLong(document.length, MAX_LENGTH));
        return sha256(document);
    }
}
