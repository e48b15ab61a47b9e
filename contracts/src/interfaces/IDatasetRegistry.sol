// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A custodian's dataset and the terms on which it may be used.
struct DatasetRegistration {
    bytes32 id;
    bytes32 custodian;
    bytes terms; // canonical JSON (RFC 8785): DUO permission, diseases, modifiers; at most 8 KiB
    uint40 deadline;
    bytes signature; // of the custodian's signer
}

/// @notice New terms for a dataset.
struct DatasetAmendment {
    bytes32 id;
    uint32 version; // the one after the dataset's version, so that a signed amendment works once
    bytes terms;
    uint40 deadline;
    bytes signature; // of the custodian's signer
}

struct DatasetFacts {
    bytes32 custodian;
    uint32 version; // of the terms, from 1
    uint8 state; // 1 active, 2 closed
    bytes32 terms; // SHA-256 of the terms; the terms themselves are in the event
}

/// @title The datasets of the custodians, with the terms of their use
/// @notice A custodian signs for its own datasets. Terms are limits that stand beside what the patients agreed to, and
/// every version of them stays readable in the events. A closed dataset stays closed.
interface IDatasetRegistry {
    event DatasetRegistered(bytes32 indexed id, bytes32 indexed custodian, bytes32 digest, bytes terms);
    event DatasetAmended(bytes32 indexed id, bytes32 digest, uint32 version, bytes terms);
    event DatasetClosed(bytes32 indexed id, bytes32 digest);

    error DatasetRegistry__Unknown(bytes32 id); // never registered, or closed
    error DatasetRegistry__WrongVersion(uint32 version, uint32 held);

    function registerDataset(DatasetRegistration calldata dataset) external;
    function amendDataset(DatasetAmendment calldata amendment) external;
    /// @dev The signed message is DatasetClosure(bytes32 id). It has no deadline: a dataset can be closed once.
    function closeDataset(bytes32 id, bytes calldata signature) external;

    function dataset(bytes32 id) external view returns (DatasetFacts memory);
}
