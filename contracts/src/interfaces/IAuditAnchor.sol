// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice One access to data, as the log's institution recorded it in its audit log.
struct AccessEvent {
    uint64 index; // of the entry in the log; below the size of the head it is anchored with
    bytes32 leaf; // RFC 9162 leaf hash of the entry
    bytes32 study;
    bytes32 engine;
}

/// @notice A tree head of one log, with the proof that it extends the last one.
struct Anchoring {
    bytes32 log; // the id of the institution whose log it is
    uint64 size;
    bytes32 root;
    bytes32[] proof; // RFC 9162 section 2.1.4 consistency proof from the last anchored size; empty for the first
    AccessEvent[] events;
    bytes signature; // of the institution's signer, over Anchoring(log,size,root,eventsHash)
}

/// @title The anchored heads of the institutions' audit logs
/// @notice A head is accepted only if it provably extends the last head of the same log.
/// The signed message is Anchoring(bytes32 log,uint64 size,bytes32 root,bytes32 eventsHash), eventsHash being the
/// keccak-256 of the ABI-encoded words of all events (128 bytes each), or of the empty string.
interface IAuditAnchor {
    event HeadAnchored(bytes32 indexed log, uint64 size, bytes32 root, uint64 previousSize, bytes32 previousRoot);
    event AccessRecorded(
        bytes32 indexed study, bytes32 indexed engine, bytes32 indexed log, uint64 index, bytes32 leaf
    );

    error AuditAnchor__SizeNotRising(uint64 size, uint64 anchored);
    error AuditAnchor__NotAnExtension(uint64 size, bytes32 root);
    error AuditAnchor__BadSignature();
    error AuditAnchor__LogUnknown(bytes32 log);
    error AuditAnchor__EngineNotRegistered(bytes32 engine);
    error AuditAnchor__IndexOutOfRange(uint64 index, uint64 size);

    function append(Anchoring calldata anchoring) external;

    /// @notice The last anchored head of `log`; size 0 when there is none.
    function head(bytes32 log) external view returns (uint64 size, bytes32 root);

    /// @notice The Directory that says who may anchor, and for which engines.
    function directory() external view returns (address);
}
