// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Accesses, Anchoring, IAuditAnchor} from "./interfaces/IAuditAnchor.sol";
import {IDirectory} from "./interfaces/IDirectory.sol";
import {ConsistencyProof} from "./libraries/ConsistencyProof.sol";
import {SignatureGate} from "./libraries/SignatureGate.sol";

/// @title The anchored heads of the institutions' audit logs
/// @notice See {IAuditAnchor}. There is no admin: a head, once anchored, can only be extended.
contract AuditAnchor is IAuditAnchor, EIP712 {
    bytes32 private constant ACCESSES_TYPEHASH = keccak256("Accesses(bytes32 study,bytes32 engine,bytes entries)");
    bytes32 private constant ANCHORING_TYPEHASH = keccak256(
        "Anchoring(bytes32 log,uint64 size,bytes32 root,Accesses[] accesses)"
        "Accesses(bytes32 study,bytes32 engine,bytes entries)"
    );
    uint256 private constant ENTRY_SIZE = 40;
    uint256 private constant INDEX_SHIFT = 192; // the first eight bytes of a word

    struct Head {
        uint64 size;
        bytes32 root;
    }

    IDirectory private immutable _DIRECTORY;

    mapping(bytes32 log => Head) private _heads;

    /// @param directory_ where institutions and engines are registered
    constructor(IDirectory directory_) EIP712("Consentry AuditAnchor", "1") {
        _DIRECTORY = directory_;
    }

    /// @inheritdoc IAuditAnchor
    /// @dev A suspended institution can still anchor, and accesses of an engine revoked since can still be recorded:
    /// what happened must not get lost.
    function append(Anchoring calldata anchoring) external {
        Head memory last = _heads[anchoring.log];
        require(anchoring.size > last.size, AuditAnchor__SizeNotRising(anchoring.size, last.size));
        (uint32 number,, bytes memory signer) = _DIRECTORY.institution(anchoring.log);
        require(number != 0, AuditAnchor__LogUnknown(anchoring.log));
        require(_isSigned(signer, _digestOf(anchoring), anchoring.signature), AuditAnchor__BadSignature());
        bool extends_ = last.size == 0
            ? anchoring.proof.length == 0
            : ConsistencyProof.verify(last.size, last.root, anchoring.size, anchoring.root, anchoring.proof);
        require(extends_, AuditAnchor__NotAnExtension(anchoring.size, anchoring.root));

        _heads[anchoring.log] = Head(anchoring.size, anchoring.root);
        emit HeadAnchored(anchoring.log, anchoring.size, anchoring.root, last.size, last.root);
        _recordAccesses(anchoring);
    }

    /// @inheritdoc IAuditAnchor
    function head(bytes32 log) external view returns (uint64 size, bytes32 root) {
        Head storage last = _heads[log];
        return (last.size, last.root);
    }

    /// @inheritdoc IAuditAnchor
    function directory() external view returns (address) {
        return address(_DIRECTORY);
    }

    function _recordAccesses(Anchoring calldata anchoring) private {
        for (uint256 i = 0; i < anchoring.accesses.length; ++i) {
            Accesses calldata group = anchoring.accesses[i];
            (, uint8 state,) = _DIRECTORY.engine(group.engine);
            require(state != 0, AuditAnchor__EngineNotRegistered(group.engine));
            _checkEntries(group.entries, anchoring.size);
            emit AccessesRecorded(group.study, group.engine, anchoring.log, group.entries);
        }
    }

    function _checkEntries(bytes calldata entries, uint64 size) private pure {
        uint256 length = entries.length;
        require(length != 0 && length % ENTRY_SIZE == 0, AuditAnchor__NotEntries(length));
        uint64 least = 0;
        for (uint256 place = 0; place < length; place += ENTRY_SIZE) {
            uint64 index;
            // A slice would be checked against the length again, at thrice the price of the loop.
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                index := shr(INDEX_SHIFT, calldataload(add(entries.offset, place)))
            }
            require(least <= index && index < size, AuditAnchor__IndexOutOfRange(index, least, size));
            least = index + 1;
        }
    }

    /// @dev A plain key is recovered first: that needs no look at its account, which is cold.
    function _isSigned(bytes memory signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        return (signer.length == 20 && SignatureGate.isByKey(address(bytes20(signer)), digest, signature))
            || SignatureChecker.isValidSignatureNow(signer, digest, signature);
    }

    function _digestOf(Anchoring calldata anchoring) private view returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](anchoring.accesses.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            Accesses calldata group = anchoring.accesses[i];
            hashes[i] = keccak256(abi.encode(ACCESSES_TYPEHASH, group.study, group.engine, keccak256(group.entries)));
        }
        bytes32 accesses = keccak256(abi.encodePacked(hashes));
        return _hashTypedDataV4(
            keccak256(abi.encode(ANCHORING_TYPEHASH, anchoring.log, anchoring.size, anchoring.root, accesses))
        );
    }
}
