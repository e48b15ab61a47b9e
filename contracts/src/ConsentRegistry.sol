// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {IDirectory, StudyFacts} from "./interfaces/IDirectory.sol";
import {ActHashes} from "./libraries/ActHashes.sol";
import {DecisionRule} from "./libraries/DecisionRule.sol";
import {Reasons} from "./libraries/Reasons.sol";
import {SignatureGate} from "./libraries/SignatureGate.sol";
import {Signers} from "./libraries/Signers.sol";
import {Vocabulary} from "./libraries/Vocabulary.sol";
import {
    ConsentAct,
    Enrolment,
    SignerAddition,
    SignerRemoval,
    Withdrawal,
    WithdrawalOfAll
} from "./types/Acts.sol";
import {Authority, Subject} from "./types/Authority.sol";
import {ConsentFacts, ConsentLimits, ConsentSlot, pack, spentSlot, unpack} from "./types/ConsentSlot.sol";
import {Request, Verdict} from "./types/Decision.sol";
import {Scope} from "./types/Scope.sol";

/// @title Subjects, the signers who may act for them, and their consents
/// @notice See {IConsentRegistry}. Nobody but a signer in authority can change a consent; the only power that the
/// AccessManager gives here is to pause grants.
/// @dev Every act goes the same way: digest, check, store, emit. A check that fails gives the selector of its error,
/// and nothing was stored until the last one has passed.
contract ConsentRegistry is IConsentRegistry, AccessManaged, Pausable, EIP712 {
    using ActHashes for *;

    /// @notice The most consents of one subject that can stand at a time: bounds `decide` and `withdrawAll`.
    uint256 public constant MAX_LIVE = 64;

    uint8 private constant STUDY_ACTIVE = 3;
    uint8 private constant INSTITUTION_ACTIVE = 1;
    uint8 private constant ENGINE_ACTIVE = 1;
    bytes4 private constant ACCEPTED = 0;

    IDirectory private immutable _DIRECTORY;

    mapping(bytes32 subject => Subject) private _subjects;
    mapping(bytes32 subject => mapping(bytes32 signerHash => Authority)) private _authorities;
    /// @dev An id is a namespace of its subject: nobody can spend the id of somebody else's consent.
    mapping(bytes32 subject => mapping(bytes32 id => ConsentSlot)) private _consents;
    mapping(bytes32 subject => mapping(bytes32 id => ConsentLimits)) private _limits;
    /// @dev The live consents are at 0 up to Subject.live, in no order.
    mapping(bytes32 subject => mapping(uint256 index => bytes32 id)) private _live;

    /// @dev What a batch of consents asked of the Directory last: most of a batch names the same terms and recipient.
    struct Lookups {
        bytes32 terms;
        uint32 termsVersion;
        bytes32 recipient;
        uint8 recipientKind;
        uint32 recipientNumber;
    }

    /// @param authority the AccessManager that says who may pause grants
    /// @param directory_ where institutions, studies, engines and texts are registered
    constructor(address authority, IDirectory directory_)
        AccessManaged(authority)
        EIP712("Consentry ConsentRegistry", "1")
    {
        _DIRECTORY = directory_;
    }

    // ------------------------------------------------------------------ acts

    /// @inheritdoc IConsentRegistry
    function enrol(Enrolment[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _enrol(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function record(ConsentAct[] calldata acts) external {
        bool isPaused = paused();
        Lookups memory lookups;
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = isPaused ? ConsentRegistry__GrantsPaused.selector : _record(acts[i], digest, lookups);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function withdraw(Withdrawal[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _withdraw(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function withdrawAll(WithdrawalOfAll[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _withdrawAll(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function addSigners(SignerAddition[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _addSigner(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function removeSigners(SignerRemoval[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _removeSigner(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function pauseGrants(bool paused_) external restricted {
        if (paused_) _pause();
        else _unpause();
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IConsentRegistry
    function decide(bytes32 subject, Request calldata request, uint40 instant) external view returns (Verdict memory) {
        if (!DecisionRule.isSound(request)) return _refusal(Reasons.UNKNOWN_CODE);
        StudyFacts memory study = _DIRECTORY.study(request.study);
        (uint32 institution, uint8 institutionState,) = _DIRECTORY.institution(study.institution);
        uint8 reason = _obstacle(study, institutionState, request, instant);
        if (reason != 0) return _refusal(reason);
        if (_subjects[subject].signers == 0) return _refusal(Reasons.SUBJECT_UNKNOWN);
        return _weigh(subject, study, institution, request, instant);
    }

    /// @inheritdoc IConsentRegistry
    function consentsOf(bytes32 subject) external view returns (bytes32[] memory ids) {
        ids = new bytes32[](_subjects[subject].live);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = _live[subject][i];
        }
    }

    /// @inheritdoc IConsentRegistry
    function directory() external view returns (address) {
        return address(_DIRECTORY);
    }

    /// @inheritdoc IConsentRegistry
    function isSignedBy(bytes calldata signer, bytes32 digest, bytes calldata signature)
        external
        view
        returns (bool)
    {
        return SignatureGate.askSigner(signer, digest, signature);
    }

    // ------------------------------------------------------------------ one act each

    function _enrol(Enrolment calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        (, uint8 state, bytes memory custodianSigner) = _DIRECTORY.institution(act.custodian);
        if (state != INSTITUTION_ACTIVE) return ConsentRegistry__CustodianNotActive.selector;
        if (!SignatureGate.isSigned(custodianSigner, digest, act.signature)) {
            return ConsentRegistry__BadSignature.selector;
        }
        if (_subjects[act.subject].signers != 0) return ConsentRegistry__SubjectKnown.selector;
        bytes4 reason = _signerFault(act.firstSigner, act.capacity, act.from, act.until, act.form);
        if (reason != ACCEPTED) return reason;

        _subjects[act.subject].signers = 1;
        _authorities[act.subject][keccak256(act.firstSigner)] = Authority(act.capacity, act.from, act.until);
        emit SubjectEnrolled(
            act.subject, act.custodian, digest, act.firstSigner, act.capacity, act.from, act.until, act.form
        );
        return ACCEPTED;
    }

    function _record(ConsentAct calldata act, bytes32 digest, Lookups memory lookups) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory subject = _subjects[act.subject];
        (Authority memory authority, bytes4 reason) = _authorityOf(act.subject, subject, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        if (act.issuedAt <= subject.stoppedAt) return ConsentRegistry__Stopped.selector;
        ConsentSlot old = _consents[act.subject][act.id];
        reason = _versionFault(act.id, act.version, old);
        if (reason == ACCEPTED) reason = _scopeFault(act.scope);
        if (reason == ACCEPTED) reason = _lookUp(act.scope, lookups);
        if (reason != ACCEPTED) return reason;
        if (act.version == 1 && subject.live >= MAX_LIVE) return ConsentRegistry__TooManyConsents.selector;
        if (authority.capacity == Vocabulary.CAPACITY_STAFF && act.form == 0) {
            return ConsentRegistry__FormMissing.selector;
        }

        uint40 validUntil = authority.until_(act.scope.validUntil);
        _store(act, validUntil, lookups, old);
        if (act.version == 1) {
            _live[act.subject][subject.live] = act.id;
            // Below MAX_LIVE, as checked.
            _subjects[act.subject].live = subject.live + 1;
        }
        emit ConsentRecorded(
            act.subject,
            act.id,
            digest,
            act.version,
            act.scope,
            validUntil,
            authority.capacity,
            act.form,
            act.signer
        );
        return ACCEPTED;
    }

    function _withdraw(Withdrawal calldata act, bytes32 digest) private returns (bytes4) {
        Subject memory subject = _subjects[act.subject];
        (Authority memory authority, bytes4 reason) = _authorityOf(act.subject, subject, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        ConsentSlot old = _consents[act.subject][act.id];
        if (act.id == 0 || !(old.isUnused() || old.isLive())) return ConsentRegistry__ConsentWithdrawn.selector;

        _consents[act.subject][act.id] = spentSlot(old.version());
        if (old.isLive()) _unlist(act.subject, act.id, subject.live);
        emit ConsentWithdrawn(act.subject, act.id, digest, old.version(), authority.capacity, act.signer);
        return ACCEPTED;
    }

    function _withdrawAll(WithdrawalOfAll calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory subject = _subjects[act.subject];
        (Authority memory authority, bytes4 reason) = _authorityOf(act.subject, subject, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        if (!_isFresh(act.subject, act.id)) return ConsentRegistry__IdSpent.selector;

        _consents[act.subject][act.id] = spentSlot(0);
        for (uint256 i = 0; i < subject.live; ++i) {
            bytes32 id = _live[act.subject][i];
            uint24 version = _consents[act.subject][id].version();
            _consents[act.subject][id] = spentSlot(version);
            delete _live[act.subject][i];
            emit ConsentWithdrawn(act.subject, id, digest, version, authority.capacity, act.signer);
        }
        subject.live = 0;
        subject.stoppedAt = uint40(block.timestamp);
        _subjects[act.subject] = subject;
        emit AllWithdrawn(act.subject, act.id, digest, authority.capacity, act.signer);
        return ACCEPTED;
    }

    function _addSigner(SignerAddition calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory subject = _subjects[act.subject];
        (Authority memory authority, bytes4 reason) = _authorityOf(act.subject, subject, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        if (!authority.mayChangeSigners()) return ConsentRegistry__NoAuthority.selector;
        if (!_isFresh(act.subject, act.id)) return ConsentRegistry__IdSpent.selector;
        reason = _signerFault(act.newSigner, act.capacity, act.from, act.until, act.form);
        if (reason != ACCEPTED) return reason;
        bytes32 key = keccak256(act.newSigner);
        if (_authorities[act.subject][key].exists()) return ConsentRegistry__SignerKnown.selector;

        _consents[act.subject][act.id] = spentSlot(0);
        _authorities[act.subject][key] = Authority(act.capacity, act.from, act.until);
        ++_subjects[act.subject].signers;
        emit SignerAdded(
            act.subject, digest, act.newSigner, act.capacity, act.from, act.until, act.form, act.signer
        );
        return ACCEPTED;
    }

    function _removeSigner(SignerRemoval calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory subject = _subjects[act.subject];
        (Authority memory authority, bytes4 reason) = _authorityOf(act.subject, subject, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        if (!authority.mayChangeSigners()) return ConsentRegistry__NoAuthority.selector;
        if (!_isFresh(act.subject, act.id)) return ConsentRegistry__IdSpent.selector;
        bytes32 key = keccak256(act.oldSigner);
        if (!_authorities[act.subject][key].exists()) return ConsentRegistry__SignerUnknown.selector;
        if (subject.signers == 1) return ConsentRegistry__LastSigner.selector;

        _consents[act.subject][act.id] = spentSlot(0);
        delete _authorities[act.subject][key];
        _subjects[act.subject].signers = subject.signers - 1;
        emit SignerRemoved(act.subject, digest, act.oldSigner, act.signer);
        return ACCEPTED;
    }

    // ------------------------------------------------------------------ storing

    function _store(ConsentAct calldata act, uint40 validUntil, Lookups memory lookups, ConsentSlot old) private {
        Scope calldata scope = act.scope;
        ConsentFacts memory facts = ConsentFacts({
            version: act.version,
            deny: scope.effect == Vocabulary.EFFECT_DENY,
            recipientKind: scope.recipientKind,
            recipient: lookups.recipientNumber,
            purposes: scope.purposes,
            conditions: scope.conditions,
            operations: scope.operations,
            categories: scope.categories,
            validFrom: scope.validFrom,
            validUntil: validUntil,
            termsVersion: lookups.termsVersion,
            dataFrom: scope.dataFrom,
            dataUntil: scope.dataUntil,
            diseases: scope.diseases
        });
        (ConsentSlot slot, bool limited) = pack(facts);
        _consents[act.subject][act.id] = slot;
        if (limited) {
            _limits[act.subject][act.id] = ConsentLimits(scope.dataFrom, scope.dataUntil, scope.diseases);
        } else if (old.hasLimits()) {
            delete _limits[act.subject][act.id];
        }
    }

    /// @dev Takes `id` off the list: the last one takes its place.
    function _unlist(bytes32 subject, bytes32 id, uint16 live) private {
        mapping(uint256 => bytes32) storage list = _live[subject];
        uint16 last = live - 1;
        uint256 index = 0;
        while (list[index] != id) ++index;
        if (index != last) list[index] = list[last];
        delete list[last];
        _subjects[subject].live = last;
    }

    // ------------------------------------------------------------------ checks

    /// @dev The authority under which `signer` signed `digest`, or why there is none.
    function _authorityOf(
        bytes32 id,
        Subject memory subject,
        bytes calldata signer,
        bytes32 digest,
        bytes calldata signature
    ) private view returns (Authority memory authority, bytes4 reason) {
        if (subject.signers == 0) return (authority, ConsentRegistry__SubjectUnknown.selector);
        if (!SignatureGate.isSigned(signer, digest, signature)) {
            return (authority, ConsentRegistry__BadSignature.selector);
        }
        authority = _authorities[id][keccak256(signer)];
        if (!authority.holds(block.timestamp)) reason = ConsentRegistry__NoAuthority.selector;
    }

    function _isFresh(bytes32 subject, bytes32 id) private view returns (bool) {
        return id != 0 && _consents[subject][id].isUnused();
    }

    function _versionFault(bytes32 id, uint24 version, ConsentSlot old) private pure returns (bytes4) {
        if (version == 1) return id != 0 && old.isUnused() ? ACCEPTED : ConsentRegistry__IdSpent.selector;
        if (old.isUnused()) return ConsentRegistry__WrongVersion.selector;
        if (!old.isLive()) return ConsentRegistry__ConsentWithdrawn.selector;
        // A uint24 plus one fits the uint256.
        return uint256(version) == uint256(old.version()) + 1 ? ACCEPTED : ConsentRegistry__WrongVersion.selector;
    }

    function _scopeFault(Scope calldata scope) private pure returns (bytes4) {
        bool deny = scope.effect == Vocabulary.EFFECT_DENY;
        if (
            !(deny || scope.effect == Vocabulary.EFFECT_PERMIT)
                || scope.recipientKind < Vocabulary.RECIPIENT_KIND_ANY
                || scope.recipientKind > Vocabulary.RECIPIENT_KIND_STUDY
                || !Vocabulary.isKnown16(scope.purposes, Vocabulary.KNOWN_PURPOSES)
                || !Vocabulary.isKnown16(scope.conditions, Vocabulary.KNOWN_CONDITIONS)
                || !Vocabulary.isKnown16(scope.operations, Vocabulary.KNOWN_OPERATIONS)
                || !Vocabulary.isKnown32(scope.categories, Vocabulary.KNOWN_CATEGORIES)
        ) return ConsentRegistry__UnknownCode.selector;
        if (
            scope.purposes == 0 || scope.operations == 0 || scope.categories == 0 || (deny && scope.conditions == 0)
        ) return ConsentRegistry__EmptySet.selector;
        if (scope.validFrom >= scope.validUntil || scope.dataFrom >= scope.dataUntil) {
            return ConsentRegistry__BadWindow.selector;
        }
        bool wantsDiseases = !deny && scope.purposes != Vocabulary.ANY16 && scope.purposes & Vocabulary.PURPOSE_DS != 0;
        if (wantsDiseases != (scope.diseases != 0)) return ConsentRegistry__BadDiseases.selector;
        return ACCEPTED;
    }

    /// @dev Asks the Directory about recipient and terms, where `lookups` does not hold the answer yet.
    function _lookUp(Scope calldata scope, Lookups memory lookups) private view returns (bytes4) {
        if (lookups.recipientKind != scope.recipientKind || lookups.recipient != scope.recipient) {
            lookups.recipientKind = scope.recipientKind;
            lookups.recipient = scope.recipient;
            lookups.recipientNumber = _recipientNumber(scope.recipientKind, scope.recipient);
        }
        bool any = scope.recipientKind == Vocabulary.RECIPIENT_KIND_ANY;
        if (any ? scope.recipient != 0 : lookups.recipientNumber == 0) {
            return ConsentRegistry__UnknownRecipient.selector;
        }
        if (lookups.termsVersion == 0 || lookups.terms != scope.terms) {
            lookups.terms = scope.terms;
            lookups.termsVersion = _DIRECTORY.termsVersion(scope.terms);
        }
        return lookups.termsVersion == 0 ? ConsentRegistry__TermsNotPublished.selector : ACCEPTED;
    }

    function _recipientNumber(uint8 kind, bytes32 recipient) private view returns (uint32) {
        if (kind == Vocabulary.RECIPIENT_KIND_INSTITUTION) return _DIRECTORY.institutionNumber(recipient);
        if (kind == Vocabulary.RECIPIENT_KIND_STUDY) return _DIRECTORY.studyNumber(recipient);
        return 0;
    }

    function _signerFault(bytes calldata signer, uint8 capacity, uint40 from, uint40 until, bytes32 form)
        private
        view
        returns (bytes4)
    {
        if (
            capacity < Vocabulary.CAPACITY_SELF || capacity > Vocabulary.CAPACITY_STAFF || from >= until
                || !Signers.isWellFormed(signer)
        ) return ConsentRegistry__BadSigner.selector;
        return capacity == Vocabulary.CAPACITY_STAFF && form == 0 ? ConsentRegistry__FormMissing.selector : ACCEPTED;
    }

    // ------------------------------------------------------------------ deciding

    /// @dev What stands against the request whoever the subject is; 0 where nothing does.
    function _obstacle(StudyFacts memory study, uint8 institutionState, Request calldata request, uint40 instant)
        private
        view
        returns (uint8)
    {
        if (study.state == 0) return Reasons.STUDY_UNKNOWN;
        if (study.state != STUDY_ACTIVE) return Reasons.STUDY_NOT_ACTIVE;
        if (institutionState != INSTITUTION_ACTIVE) return Reasons.INSTITUTION_NOT_ACTIVE;
        if (instant >= study.ethicsUntil) return Reasons.ETHICS_EXPIRED;
        (bytes32 institution, uint8 state, uint16 operations) = _DIRECTORY.engine(request.engine);
        if (state == 0) return Reasons.ENGINE_UNKNOWN;
        if (state != ENGINE_ACTIVE) return Reasons.ENGINE_NOT_ACTIVE;
        if (institution != study.institution) return Reasons.ENGINE_OF_ANOTHER_INSTITUTION;
        return operations & request.operation == 0 ? Reasons.OPERATION_NOT_REGISTERED : 0;
    }

    /// @dev Weighs the live consents. Any matching deny wins, then one permit that covers the whole request; among
    /// consents of one kind the lowest id is named, so that the order of the list does not matter.
    function _weigh(
        bytes32 subject,
        StudyFacts memory study,
        uint32 institution,
        Request calldata request,
        uint40 instant
    ) private view returns (Verdict memory verdict) {
        verdict = Verdict(Reasons.OUTCOME_DENY, Reasons.NO_CONSENT, 0, 0, study.ethicsUntil);
        uint256 live = _subjects[subject].live;
        for (uint256 i = 0; i < live; ++i) {
            bytes32 id = _live[subject][i];
            ConsentFacts memory consent = _factsOf(subject, id);
            bool early = instant < consent.validFrom;
            if (!early && instant >= consent.validUntil) continue;
            uint40 change = early ? consent.validFrom : consent.validUntil;
            if (change < verdict.validUntil) verdict.validUntil = change;
            if (early) continue;
            uint8 reason = _voiceOf(consent, study, institution, request);
            if (reason != 0) _hear(verdict, reason, id, consent.version);
        }
    }

    /// @dev What one consent in its validity says: a Reason, or 0 where it is silent.
    function _voiceOf(
        ConsentFacts memory consent,
        StudyFacts memory study,
        uint32 institution,
        Request calldata request
    ) private pure returns (uint8) {
        if (consent.deny) {
            return DecisionRule.touches(consent, study, institution, request) ? Reasons.DENIED_BY_SUBJECT : 0;
        }
        if (!DecisionRule.covers(consent, study, institution, request)) return Reasons.NOT_COVERED;
        return consent.termsVersion >= study.requiredTerms ? Reasons.PERMITTED : Reasons.RECONSENT_REQUIRED;
    }

    /// @dev Lets `reason` decide if it outranks what was heard so far, or has the same rank and a lower id.
    function _hear(Verdict memory verdict, uint8 reason, bytes32 id, uint24 version) private pure {
        uint256 new_ = _rank(reason);
        uint256 old = _rank(verdict.reason);
        if (new_ < old) return;
        bool named = reason != Reasons.NOT_COVERED;
        if (new_ == old && !(named && id < verdict.consent)) return;
        verdict.reason = reason;
        verdict.outcome = reason == Reasons.PERMITTED ? Reasons.OUTCOME_PERMIT : Reasons.OUTCOME_DENY;
        verdict.consent = named ? id : bytes32(0);
        verdict.version = named ? version : 0;
    }

    function _rank(uint8 reason) private pure returns (uint256) {
        if (reason == Reasons.DENIED_BY_SUBJECT) return 4;
        if (reason == Reasons.PERMITTED) return 3;
        if (reason == Reasons.RECONSENT_REQUIRED) return 2;
        if (reason == Reasons.NOT_COVERED) return 1;
        return 0; // no consent
    }

    function _factsOf(bytes32 subject, bytes32 id) private view returns (ConsentFacts memory facts) {
        ConsentSlot slot = _consents[subject][id];
        facts = unpack(slot);
        if (slot.hasLimits()) {
            ConsentLimits memory limits = _limits[subject][id];
            facts.dataFrom = limits.dataFrom;
            facts.dataUntil = limits.dataUntil;
            facts.diseases = limits.diseases;
        }
    }

    function _refusal(uint8 reason) private pure returns (Verdict memory) {
        return Verdict(Reasons.OUTCOME_DENY, reason, 0, 0, Vocabulary.FOREVER);
    }
}
