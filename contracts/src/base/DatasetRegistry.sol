// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {
    DatasetAmendment,
    DatasetFacts,
    DatasetRegistration,
    IDatasetRegistry
} from "../interfaces/IDatasetRegistry.sol";
import {IDirectory} from "../interfaces/IDirectory.sol";
import {Documents} from "../libraries/Documents.sol";

/// @title The part of the Directory that knows datasets
/// @notice See {IDatasetRegistry}.
abstract contract DatasetRegistry is IDatasetRegistry, EIP712 {
    uint8 private constant DATASET_ACTIVE = 1;
    uint8 private constant DATASET_CLOSED = 2;

    bytes32 private constant DATASET_REGISTRATION_TYPEHASH =
        keccak256("DatasetRegistration(bytes32 id,bytes32 custodian,bytes terms,uint40 deadline)");
    bytes32 private constant DATASET_AMENDMENT_TYPEHASH =
        keccak256("DatasetAmendment(bytes32 id,uint32 version,bytes terms,uint40 deadline)");
    bytes32 private constant DATASET_CLOSURE_TYPEHASH = keccak256("DatasetClosure(bytes32 id)");

    mapping(bytes32 id => DatasetFacts) private _datasets;

    /// @inheritdoc IDatasetRegistry
    function registerDataset(DatasetRegistration calldata dataset_) external {
        require(dataset_.id != 0, IDirectory.Directory__ZeroId());
        require(_datasets[dataset_.id].state == 0, IDirectory.Directory__IdTaken(dataset_.id));
        _requireOpen(dataset_.deadline);
        bytes32 terms = Documents.digest(dataset_.terms);
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(
                    DATASET_REGISTRATION_TYPEHASH,
                    dataset_.id,
                    dataset_.custodian,
                    keccak256(dataset_.terms),
                    dataset_.deadline
                )
            )
        );
        _requireActive(dataset_.custodian);
        _requireSignedBy(dataset_.custodian, digest, dataset_.signature);

        _datasets[dataset_.id] = DatasetFacts(dataset_.custodian, 1, DATASET_ACTIVE, terms);
        emit DatasetRegistered(dataset_.id, dataset_.custodian, digest, dataset_.terms);
    }

    /// @inheritdoc IDatasetRegistry
    function amendDataset(DatasetAmendment calldata amendment) external {
        DatasetFacts storage held = _datasets[amendment.id];
        bytes32 custodian = held.custodian;
        require(held.state == DATASET_ACTIVE, DatasetRegistry__Unknown(amendment.id));
        require(
            amendment.version == uint256(held.version) + 1,
            DatasetRegistry__WrongVersion(amendment.version, held.version)
        );
        _requireOpen(amendment.deadline);
        bytes32 terms = Documents.digest(amendment.terms);
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(
                    DATASET_AMENDMENT_TYPEHASH,
                    amendment.id,
                    amendment.version,
                    keccak256(amendment.terms),
                    amendment.deadline
                )
            )
        );
        _requireActive(custodian);
        _requireSignedBy(custodian, digest, amendment.signature);

        held.version = amendment.version;
        held.terms = terms;
        emit DatasetAmended(amendment.id, digest, amendment.version, amendment.terms);
    }

    /// @inheritdoc IDatasetRegistry
    function closeDataset(bytes32 id, bytes calldata signature) external {
        DatasetFacts storage held = _datasets[id];
        require(held.state == DATASET_ACTIVE, DatasetRegistry__Unknown(id));
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(DATASET_CLOSURE_TYPEHASH, id)));
        // A custodian that was suspended can still close its datasets, which only narrows.
        _requireSignedBy(held.custodian, digest, signature);

        held.state = DATASET_CLOSED;
        emit DatasetClosed(id, digest);
    }

    /// @inheritdoc IDatasetRegistry
    function dataset(bytes32 id) external view returns (DatasetFacts memory) {
        return _datasets[id];
    }

    /// @dev Reverts unless the institution is admitted and not suspended.
    function _requireActive(bytes32 institution_) internal view virtual;

    /// @dev Reverts unless the institution's signer signed.
    function _requireSignedBy(bytes32 institution_, bytes32 digest, bytes calldata signature) internal view virtual;

    /// @dev Reverts once the deadline has passed.
    function _requireOpen(uint40 deadline) internal view virtual;
}
