// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What a consent allows or forbids: one value per dimension of the consent model.
/// @dev Sets are bit masks; the bits are named in ledger/domain/vocabulary.py. A mask of all ones is an explicit "any".
/// Every field is one static ABI word, so that an encoder can write the words without a schema.
/// Windows are half open, [from, until), in seconds UTC.
struct Scope {
    uint8 effect; // 1 permit, 2 deny
    uint8 recipientKind; // 1 any, 2 institution, 3 study
    bytes32 recipient; // a Directory id; zero when the recipient is any
    uint16 purposes;
    uint16 conditions;
    uint16 operations;
    uint32 categories;
    uint40 validFrom;
    uint40 validUntil;
    uint40 dataFrom; // when the data was recorded, not when the consent holds
    uint40 dataUntil;
    uint160 diseases; // up to five 32-bit Mondo numbers, lowest bits first; zero unless purposes names DS
    bytes32 terms; // SHA-256 of the text that was shown; must be published in the Directory
}
