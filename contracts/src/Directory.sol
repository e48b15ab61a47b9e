// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {DatasetRegistry} from "./base/DatasetRegistry.sol";
import {EngineRegistration, IDirectory, StudyFacts, StudyProposal} from "./interfaces/IDirectory.sol";
import {Documents} from "./libraries/Documents.sol";
import {Signers} from "./libraries/Signers.sol";
import {Vocabulary} from "./libraries/Vocabulary.sol";

/// @title Institutions, studies, engines, datasets, reviewers and published consent texts
/// @notice See {IDirectory} and {IDatasetRegistry}. An id is never used twice within its kind, and nothing is ever
/// deleted: an institution is suspended, a study or dataset closed, an engine revoked.
contract Directory is IDirectory, AccessManaged, DatasetRegistry {
    uint8 private constant INSTITUTION_ACTIVE = 1;
    uint8 private constant INSTITUTION_SUSPENDED = 2;

    uint8 private constant STUDY_PROPOSED = 1;
    uint8 private constant STUDY_APPROVED = 2;
    uint8 private constant STUDY_ACTIVE = 3;
    uint8 private constant STUDY_SUSPENDED = 4;
    uint8 private constant STUDY_CLOSED = 5;

    uint8 private constant ENGINE_ACTIVE = 1;
    uint8 private constant ENGINE_REVOKED = 2;

    bytes32 private constant STUDY_PROPOSAL_TYPEHASH = keccak256(
        "StudyProposal(bytes32 id,bytes32 institution,string title,uint8 uses,uint16 conditions,uint32 requiredTerms,"
        "bytes32 ethics,uint40 ethicsUntil,bytes32 diseases,bytes purpose,uint40 deadline)"
    );
    bytes32 private constant ENGINE_REGISTRATION_TYPEHASH = keccak256(
        "EngineRegistration(bytes32 id,bytes32 institution,string name,bytes signer,uint16 operations,uint40 deadline)"
    );
    bytes32 private constant STUDY_STATE_TYPEHASH =
        keccak256("StudyState(bytes32 id,uint8 from,uint8 to,uint40 deadline)");
    bytes32 private constant ENGINE_REVOCATION_TYPEHASH = keccak256("EngineRevocation(bytes32 id)");
    bytes32 private constant STUDY_APPROVAL_TYPEHASH =
        keccak256("StudyApproval(bytes32 id,bytes32 reviewer,uint40 deadline)");

    struct Institution {
        uint32 number;
        uint8 state;
        bytes signer;
    }

    struct Reviewer {
        bool active;
        bytes signer;
    }

    struct Study {
        StudyFacts facts;
        uint32 approvals;
        bytes32 purpose; // SHA-256
        mapping(bytes32 reviewer => bool) approvedBy;
    }

    struct Engine {
        bytes32 institution;
        uint8 state;
        uint16 operations;
        bytes signer;
    }

    /// @inheritdoc IDirectory
    // The getter's name is the interface's.
    // solhint-disable-next-line immutable-vars-naming
    uint32 public immutable approvalsRequired;

    uint32 private _institutionCount;
    uint32 private _studyCount;
    mapping(bytes32 id => Institution) private _institutions;
    mapping(bytes32 id => Reviewer) private _reviewers;
    mapping(bytes32 id => Study) private _studies;
    mapping(bytes32 id => Engine) private _engines;
    mapping(bytes32 hash => uint32 version) private _termsVersions;
    /// @dev A study can come back to a state, so the state named in a message does not alone make it work once.
    mapping(bytes32 digest => bool) private _spent;

    /// @param authority the AccessManager that says who may call the restricted functions
    /// @param approvalsRequired_ how many reviewers must approve a study; at least one
    constructor(address authority, uint32 approvalsRequired_)
        AccessManaged(authority)
        EIP712("Consentry Directory", "1")
    {
        require(approvalsRequired_ != 0, Directory__ZeroApprovals());
        approvalsRequired = approvalsRequired_;
    }

    // ------------------------------------------------------------------ restricted

    /// @inheritdoc IDirectory
    function admitInstitution(bytes32 id, string calldata name, bytes calldata signer) external restricted {
        require(id != 0, Directory__ZeroId());
        require(_institutions[id].number == 0, Directory__IdTaken(id));
        require(Signers.isWellFormed(signer), Directory__BadSigner());
        uint32 number = ++_institutionCount;
        _institutions[id] = Institution(number, INSTITUTION_ACTIVE, signer);
        emit InstitutionAdmitted(id, number, name, signer);
    }

    /// @inheritdoc IDirectory
    function setInstitutionState(bytes32 id, uint8 state) external restricted {
        Institution storage institution_ = _institutions[id];
        uint8 from = institution_.state;
        require(from != 0, Directory__InstitutionUnknown(id));
        require(
            from != state && (state == INSTITUTION_ACTIVE || state == INSTITUTION_SUSPENDED),
            Directory__BadTransition(from, state)
        );
        institution_.state = state;
        emit InstitutionStateChanged(id, state);
    }

    /// @inheritdoc IDirectory
    function nameReviewer(bytes32 id, string calldata name, bytes calldata signer, bool active) external restricted {
        require(id != 0, Directory__ZeroId());
        require(Signers.isWellFormed(signer), Directory__BadSigner());
        _reviewers[id] = Reviewer(active, signer);
        emit ReviewerNamed(id, name, signer, active);
    }

    /// @inheritdoc IDirectory
    function publishTerms(bytes32 hash, uint32 version, string calldata language, string calldata uri)
        external
        restricted
    {
        require(hash != 0, Directory__ZeroId());
        require(version != 0, Directory__ZeroVersion());
        require(_termsVersions[hash] == 0, Directory__TermsKnown(hash));
        _termsVersions[hash] = version;
        emit TermsPublished(hash, version, language, uri);
    }

    // ------------------------------------------------------------------ signed by the institution

    /// @inheritdoc IDirectory
    function proposeStudy(StudyProposal calldata study_) external {
        require(study_.id != 0, Directory__ZeroId());
        require(_studies[study_.id].facts.number == 0, Directory__IdTaken(study_.id));
        require(
            study_.uses != 0 && study_.uses & ~Vocabulary.KNOWN_USES == 0
                && study_.conditions & ~Vocabulary.KNOWN_CONDITIONS == 0,
            Directory__UnknownCode()
        );
        bool disease = study_.uses & Vocabulary.USE_DISEASE != 0;
        require(disease == (study_.diseases.length != 0), Directory__NoDisease());
        for (uint256 i = 0; i < study_.diseases.length; ++i) {
            require(study_.diseases[i].length != 0, Directory__NoDisease());
        }
        _requireOpen(study_.deadline);
        bytes32 purpose = Documents.digest(study_.purpose);
        bytes32 digest = _hashTypedDataV4(_hashOf(study_));
        _requireSigned(_activeInstitution(study_.institution).signer, digest, study_.signature);

        uint32 number = ++_studyCount;
        StudyFacts storage facts = _studies[study_.id].facts;
        facts.institution = study_.institution;
        facts.number = number;
        facts.uses = study_.uses;
        facts.state = STUDY_PROPOSED;
        facts.conditions = study_.conditions;
        facts.requiredTerms = study_.requiredTerms;
        facts.ethicsUntil = study_.ethicsUntil;
        facts.diseases = study_.diseases;
        _studies[study_.id].purpose = purpose;
        emit StudyProposed(
            study_.id,
            study_.institution,
            digest,
            number,
            study_.title,
            study_.uses,
            study_.conditions,
            study_.requiredTerms,
            study_.ethics,
            study_.ethicsUntil,
            study_.diseases,
            study_.purpose
        );
    }

    /// @inheritdoc IDirectory
    function registerEngine(EngineRegistration calldata engine_) external {
        require(engine_.id != 0, Directory__ZeroId());
        require(_engines[engine_.id].state == 0, Directory__IdTaken(engine_.id));
        require(
            engine_.operations != 0 && engine_.operations & ~Vocabulary.KNOWN_OPERATIONS == 0, Directory__UnknownCode()
        );
        require(Signers.isWellFormed(engine_.signer), Directory__BadSigner());
        _requireOpen(engine_.deadline);
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(
                    ENGINE_REGISTRATION_TYPEHASH,
                    engine_.id,
                    engine_.institution,
                    keccak256(bytes(engine_.name)),
                    keccak256(engine_.signer),
                    engine_.operations,
                    engine_.deadline
                )
            )
        );
        _requireSigned(_activeInstitution(engine_.institution).signer, digest, engine_.signature);

        _engines[engine_.id] = Engine(engine_.institution, ENGINE_ACTIVE, engine_.operations, engine_.signer);
        emit EngineRegistered(engine_.id, engine_.institution, digest, engine_.name, engine_.signer, engine_.operations);
    }

    /// @inheritdoc IDirectory
    function setStudyState(bytes32 id, uint8 from, uint8 to, uint40 deadline, bytes calldata signature) external {
        StudyFacts storage facts = _studies[id].facts;
        require(facts.state != 0, Directory__StudyUnknown(id));
        require(facts.state == from && _isTransition(from, to), Directory__BadTransition(from, to));
        _requireOpen(deadline);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(STUDY_STATE_TYPEHASH, id, from, to, deadline)));
        require(!_spent[digest], Directory__Replayed(digest));
        // An institution that was suspended can still stop its studies, but not start them.
        bytes storage signer =
            to == STUDY_ACTIVE ? _activeInstitution(facts.institution).signer : _institutions[facts.institution].signer;
        _requireSigned(signer, digest, signature);

        _spent[digest] = true;
        facts.state = to;
        emit StudyStateChanged(id, digest, to);
    }

    /// @inheritdoc IDirectory
    function revokeEngine(bytes32 id, bytes calldata signature) external {
        Engine storage engine_ = _engines[id];
        require(engine_.state == ENGINE_ACTIVE, Directory__EngineUnknown(id));
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(ENGINE_REVOCATION_TYPEHASH, id)));
        _requireSigned(_institutions[engine_.institution].signer, digest, signature);

        engine_.state = ENGINE_REVOKED;
        emit EngineRevoked(id, digest);
    }

    // ------------------------------------------------------------------ signed by a reviewer

    /// @inheritdoc IDirectory
    function approveStudy(bytes32 id, bytes32 reviewer, uint40 deadline, bytes calldata signature) external {
        Study storage study_ = _studies[id];
        uint8 state = study_.facts.state;
        require(state != 0, Directory__StudyUnknown(id));
        require(state == STUDY_PROPOSED, Directory__BadTransition(state, STUDY_APPROVED));
        require(_reviewers[reviewer].active, Directory__ReviewerUnknown(reviewer));
        require(!study_.approvedBy[reviewer], Directory__AlreadyApproved(id, reviewer));
        _requireOpen(deadline);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(STUDY_APPROVAL_TYPEHASH, id, reviewer, deadline)));
        _requireSigned(_reviewers[reviewer].signer, digest, signature);

        study_.approvedBy[reviewer] = true;
        uint32 approvals = ++study_.approvals;
        emit StudyApproved(id, reviewer, digest, approvals);
        if (approvals >= approvalsRequired) {
            study_.facts.state = STUDY_APPROVED;
            emit StudyStateChanged(id, digest, STUDY_APPROVED);
        }
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDirectory
    function institution(bytes32 id) external view returns (uint32 number, uint8 state, bytes memory signer) {
        Institution storage institution_ = _institutions[id];
        return (institution_.number, institution_.state, institution_.signer);
    }

    /// @inheritdoc IDirectory
    function institutionNumber(bytes32 id) external view returns (uint32) {
        return _institutions[id].number;
    }

    /// @inheritdoc IDirectory
    function study(bytes32 id) external view returns (StudyFacts memory) {
        return _studies[id].facts;
    }

    /// @inheritdoc IDirectory
    function studyNumber(bytes32 id) external view returns (uint32) {
        return _studies[id].facts.number;
    }

    /// @inheritdoc IDirectory
    function studyPurpose(bytes32 id) external view returns (bytes32) {
        return _studies[id].purpose;
    }

    /// @inheritdoc IDirectory
    function engine(bytes32 id) external view returns (bytes32 institution_, uint8 state, uint16 operations) {
        Engine storage engine_ = _engines[id];
        return (engine_.institution, engine_.state, engine_.operations);
    }

    /// @inheritdoc IDirectory
    function termsVersion(bytes32 hash) external view returns (uint32) {
        return _termsVersions[hash];
    }

    // ------------------------------------------------------------------ checks

    function _activeInstitution(bytes32 id) private view returns (Institution storage institution_) {
        institution_ = _institutions[id];
        require(institution_.state != 0, Directory__InstitutionUnknown(id));
        require(institution_.state == INSTITUTION_ACTIVE, Directory__InstitutionNotActive(id));
    }

    function _requireActive(bytes32 institution_) internal view override {
        _activeInstitution(institution_);
    }

    function _requireSignedBy(bytes32 institution_, bytes32 digest, bytes calldata signature) internal view override {
        _requireSigned(_institutions[institution_].signer, digest, signature);
    }

    function _requireOpen(uint40 deadline) internal view override {
        require(block.timestamp <= deadline, Directory__DeadlinePassed(deadline));
    }

    function _requireSigned(bytes memory signer, bytes32 digest, bytes calldata signature) private view {
        require(SignatureChecker.isValidSignatureNow(signer, digest, signature), Directory__BadSignature());
    }

    function _hashOf(StudyProposal calldata study_) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                STUDY_PROPOSAL_TYPEHASH,
                study_.id,
                study_.institution,
                keccak256(bytes(study_.title)),
                study_.uses,
                study_.conditions,
                study_.requiredTerms,
                study_.ethics,
                study_.ethicsUntil,
                keccak256(abi.encode(study_.diseases)),
                keccak256(study_.purpose),
                study_.deadline
            )
        );
    }

    function _isTransition(uint8 from, uint8 to) private pure returns (bool) {
        if (to == STUDY_ACTIVE) return from == STUDY_APPROVED || from == STUDY_SUSPENDED;
        if (to == STUDY_SUSPENDED) return from == STUDY_ACTIVE;
        return to == STUDY_CLOSED && from != STUDY_CLOSED;
    }
}
