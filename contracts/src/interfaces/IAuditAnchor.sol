// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Accesses to data by one engine for one study, as the log's institution recorded them in its audit log.
struct Accesses {
    bytes32 study;
    bytes32 engine;
    // 40 bytes an access: the index of its entry in the log (uint64), rising and below the size of the head that it is
    // anchored with, and the RFC 9162 leaf hash of the entry.
    bytes entries;
}

/// @notice A tree head of one log, with the proof that it extends the last one.
struct Anchoring {
    bytes32 log; // the id of the institution whose log it is
    uint64 size;
    bytes32 root;
    bytes32[] proof; // RFC 9162 section 2.1.4 consistency proof from the last anchored size; empty for the first
    Accesses[] accesses;
    bytes signature; // of the institution's signer, over all fields before
}

/// @title The anchored heads of the institutions' audit logs
/// @notice A head is accepted only if it provably extends the last head of the same log.
/// The signed message is Anchoring(bytes32 log,uint64 size,bytes32 root,Accesses[] accesses), without the proof.
interface IAuditAnchor {
    event HeadAnchored(bytes32 indexed log, uint64 size, bytes32 root, uint64 previousSize, bytes32 previousRoot);
    /// @notice Entries of the log tell of accesses of `engine` for `study`; `entries` as in Accesses.
    event AccessesRecorded(bytes32 indexed study, bytes32 indexed engine, bytes32 indexed log, bytes entries);

    error AuditAnchor__SizeNotRising(uint64 size, uint64 anchored);
    error AuditAnchor__NotAnExtension(uint64 size, bytes32 root);
    error AuditAnchor__BadSignature();
    error AuditAnchor__LogUnknown(bytes32 log);
    error AuditAnchor__EngineNotRegistered(bytes32 engine);
    error AuditAnchor__NotEntries(uint256 length); // no whole number of entries, or none
    error AuditAnchor__IndexOutOfRange(uint64 index, uint64 least, uint64 size); // not in [least, size)

    function append(Anchoring calldata anchoring) external;

    /// @notice The last anchored head of `log`; size 0 when there is none.
    function head(bytes32 log) external view returns (uint64 size, bytes32 root);

    /// @notice The Directory that says who may anchor, and for which engines.
    function directory() external view returns (address);
}
