// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {AccessEvent, Anchoring, IAuditAnchor} from "./interfaces/IAuditAnchor.sol";
import {IDirectory} from "./interfaces/IDirectory.sol";
import {ConsistencyProof} from "./libraries/ConsistencyProof.sol";

/// @title The anchored heads of the institutions' audit logs
/// @notice See {IAuditAnchor}. There is no admin: a head, once anchored, can only be extended.
contract AuditAnchor is IAuditAnchor, EIP712 {
    bytes32 private constant ANCHORING_TYPEHASH =
        keccak256("Anchoring(bytes32 log,uint64 size,bytes32 root,bytes32 eventsHash)");
    uint256 private constant EVENT_SIZE = 128; // four ABI words

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
        require(
            SignatureChecker.isValidSignatureNow(signer, _digestOf(anchoring), anchoring.signature),
            AuditAnchor__BadSignature()
        );
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
        (bytes32 log, uint64 size) = (anchoring.log, anchoring.size);
        AccessEvent[] calldata events = anchoring.events;
        bytes32 known = 0; // the engine that was looked up last: a batch is mostly of one engine
        for (uint256 i = 0; i < events.length; ++i) {
            AccessEvent calldata access = events[i];
            (uint64 index, bytes32 engine) = (access.index, access.engine);
            require(index < size, AuditAnchor__IndexOutOfRange(index, size));
            if (i == 0 || engine != known) {
                (, uint8 state,) = _DIRECTORY.engine(engine);
                require(state != 0, AuditAnchor__EngineNotRegistered(engine));
                known = engine;
            }
            emit AccessRecorded(access.study, engine, log, index, access.leaf);
        }
    }

    function _digestOf(Anchoring calldata anchoring) private view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(ANCHORING_TYPEHASH, anchoring.log, anchoring.size, anchoring.root, _hashOf(anchoring.events))
            )
        );
    }

    /// @dev Events are static, so their encoding is the very stretch of call data that they came in. Re-encoding each
    /// would cost more than recording it.
    function _hashOf(AccessEvent[] calldata events) private pure returns (bytes32 result) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let input := mload(0x40)
            let size := mul(events.length, EVENT_SIZE)
            calldatacopy(input, events.offset, size)
            result := keccak256(input, size)
        }
    }
}
