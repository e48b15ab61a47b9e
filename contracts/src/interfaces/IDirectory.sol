// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A study as its institution proposes it.
/// @dev `diseases`: one array per disease, the disease's own Mondo number first, then all of its ancestors.
struct StudyProposal {
    bytes32 id;
    bytes32 institution;
    string title;
    uint8 uses; // mask: general, biomedical, disease, ancestry, methods, clinical care
    uint16 conditions; // mask of what the study needs tolerated
    uint32 requiredTerms; // lowest terms version that still counts
    bytes32 ethics; // hash of the ethics approval
    uint40 ethicsUntil;
    uint32[][] diseases;
    bytes purpose; // canonical JSON (RFC 8785): what is known of the use beyond this; may be empty; at most 8 KiB
    uint40 deadline;
    bytes signature; // of the institution's signer
}

struct EngineRegistration {
    bytes32 id;
    bytes32 institution;
    string name;
    bytes signer;
    uint16 operations;
    uint40 deadline;
    bytes signature; // of the institution's signer
}

struct StudyFacts {
    bytes32 institution;
    uint32 number;
    uint8 uses;
    uint8 state; // 1 proposed, 2 approved, 3 active, 4 suspended, 5 closed
    uint16 conditions;
    uint32 requiredTerms;
    uint40 ethicsUntil;
    uint32[][] diseases;
}

/// @title Institutions, studies, engines, reviewers and published consent texts
/// @notice Admission of institutions, reviewers and texts is `restricted` by an AccessManager (role and delay are set
/// there). Institutions sign for their own studies and engines; n reviewers approve a study before it can be active.
interface IDirectory {
    event InstitutionAdmitted(bytes32 indexed id, uint32 number, string name, bytes signer);
    event InstitutionStateChanged(bytes32 indexed id, uint8 state); // 1 active, 2 suspended
    event ReviewerNamed(bytes32 indexed id, string name, bytes signer, bool active);
    event TermsPublished(bytes32 indexed hash, uint32 version, string language, string uri);
    event StudyProposed(
        bytes32 indexed id,
        bytes32 indexed institution,
        bytes32 digest,
        uint32 number,
        string title,
        uint8 uses,
        uint16 conditions,
        uint32 requiredTerms,
        bytes32 ethics,
        uint40 ethicsUntil,
        uint32[][] diseases,
        bytes purpose
    );
    event StudyApproved(bytes32 indexed id, bytes32 indexed reviewer, bytes32 digest, uint32 approvals);
    event StudyStateChanged(bytes32 indexed id, bytes32 digest, uint8 state);
    event EngineRegistered(
        bytes32 indexed id, bytes32 indexed institution, bytes32 digest, string name, bytes signer, uint16 operations
    );
    event EngineRevoked(bytes32 indexed id, bytes32 digest);

    error Directory__IdTaken(bytes32 id);
    error Directory__InstitutionUnknown(bytes32 id);
    error Directory__InstitutionNotActive(bytes32 id);
    error Directory__StudyUnknown(bytes32 id);
    error Directory__EngineUnknown(bytes32 id);
    error Directory__ReviewerUnknown(bytes32 id);
    error Directory__AlreadyApproved(bytes32 id, bytes32 reviewer);
    error Directory__BadSignature();
    error Directory__BadSigner();
    error Directory__DeadlinePassed(uint40 deadline);
    error Directory__UnknownCode();
    error Directory__NoDisease(); // disease use without a disease, or diseases without disease use
    error Directory__BadTransition(uint8 from, uint8 to);
    error Directory__ZeroId();
    error Directory__TermsKnown(bytes32 hash);
    error Directory__ZeroVersion();
    error Directory__ZeroApprovals();
    error Directory__Replayed(bytes32 digest); // a signed change of state works once

    // restricted (AccessManager)
    function admitInstitution(bytes32 id, string calldata name, bytes calldata signer) external;
    function setInstitutionState(bytes32 id, uint8 state) external;
    function nameReviewer(bytes32 id, string calldata name, bytes calldata signer, bool active) external;
    function publishTerms(bytes32 hash, uint32 version, string calldata language, string calldata uri) external;

    // signed by the institution
    function proposeStudy(StudyProposal calldata study) external;
    function registerEngine(EngineRegistration calldata engine) external;
    /// @notice Moves approved -> active, active <-> suspended, any -> closed.
    /// @dev The signed message names the current state, so that it works once: StudyState(bytes32 id,uint8 from,uint8 to,uint40 deadline).
    function setStudyState(bytes32 id, uint8 from, uint8 to, uint40 deadline, bytes calldata signature) external;
    function revokeEngine(bytes32 id, bytes calldata signature) external;

    // signed by a reviewer
    function approveStudy(bytes32 id, bytes32 reviewer, uint40 deadline, bytes calldata signature) external;

    // views
    function institution(bytes32 id) external view returns (uint32 number, uint8 state, bytes memory signer);
    function institutionNumber(bytes32 id) external view returns (uint32);
    function study(bytes32 id) external view returns (StudyFacts memory);
    function studyNumber(bytes32 id) external view returns (uint32);
    /// @notice The SHA-256 of a study's purpose, which the event that proposed it carries whole.
    function studyPurpose(bytes32 id) external view returns (bytes32);
    function engine(bytes32 id) external view returns (bytes32 institution_, uint8 state, uint16 operations);
    function termsVersion(bytes32 hash) external view returns (uint32);
    function approvalsRequired() external view returns (uint32);
}
