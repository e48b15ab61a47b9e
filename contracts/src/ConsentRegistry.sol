// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Memory} from "@openzeppelin/contracts/utils/Memory.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignerRecovery} from "./base/SignerRecovery.sol";
import {SubjectRegistry} from "./base/SubjectRegistry.sol";
import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {IDirectory} from "./interfaces/IDirectory.sol";
import {ActHashes} from "./libraries/ActHashes.sol";
import {DecisionRule} from "./libraries/DecisionRule.sol";
import {Reasons} from "./libraries/Reasons.sol";
import {ScopeRules} from "./libraries/ScopeRules.sol";
import {Vocabulary} from "./libraries/Vocabulary.sol";
import {ConsentAct, Withdrawal, WithdrawalOfAll} from "./types/Acts.sol";
import {Authority, Subject} from "./types/Authority.sol";
import {ConsentFacts, ConsentSlot, LAST_EPOCH, LAST_RECIPIENT, pack, spentSlot, unpack} from "./types/ConsentSlot.sol";
import {Limits, Rights, scopeOf} from "./types/ConsentWords.sol";
import {Request, Verdict} from "./types/Decision.sol";
import {Scope} from "./types/Scope.sol";

/// @title Subjects, the signers who may act for them, and their consents
/// @notice See {IConsentRegistry} and {ISignerRecovery}. Nobody but a signer in authority can change a consent; the only
/// power that the AccessManager gives here is to pause grants.
contract ConsentRegistry is SignerRecovery, AccessManaged, Pausable {
    using ActHashes for *;

    /// @notice The most consents of one subject that can stand at a time: bounds `decide`.
    uint256 public constant MAX_LIVE = 64;

    /// @notice Seconds that a device's clock may be ahead of the block's. A grant from further ahead would outlive a
    /// withdrawal of everything that is signed after it.
    uint256 public constant MAX_SKEW = 300;

    uint8 private constant STUDY_ACTIVE = 3;
    uint8 private constant ENGINE_ACTIVE = 1;

    /// @dev An id is a namespace of its subject: nobody can spend the id of somebody else's consent.
    mapping(bytes32 subject => mapping(bytes32 id => ConsentSlot)) private _consents;
    mapping(bytes32 subject => mapping(bytes32 id => Limits)) private _limits;

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
    /// @param recoveryDelay_ seconds in which signers can object to a recovery
    constructor(address authority, IDirectory directory_, uint40 recoveryDelay_)
        SubjectRegistry(directory_)
        SignerRecovery(recoveryDelay_)
        AccessManaged(authority)
        EIP712("Consentry ConsentRegistry", "1")
    {}

    /// @inheritdoc IConsentRegistry
    function record(ConsentAct[] calldata acts) external {
        bool isPaused = paused();
        // slither-disable-next-line uninitialized-local
        Lookups memory lookups; // nothing asked yet: version zero is no text
        Memory.Pointer scratch = Memory.getFreeMemoryPointer();
        for (uint256 i = 0; i < acts.length; ++i) {
            ConsentAct calldata act = acts[i];
            Scope memory scope = scopeOf(act.rights, act.limits, act.recipient, act.terms);
            bytes32 digest = _hashTypedDataV4(act.hash(scope));
            bytes4 reason = isPaused ? ConsentRegistry__GrantsPaused.selector : _record(act, scope, digest, lookups);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
            // Nothing that an act allocated is needed after it, and memory costs its square: a batch of 100 would pay
            // some 1,800 gas an act for it.
            Memory.unsafeSetFreeMemoryPointer(scratch);
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
    function pauseGrants(bool paused_) external restricted {
        if (paused_) _pause();
        else _unpause();
    }

    /// @inheritdoc IConsentRegistry
    /// @dev The count alone shows that the set is whole: ids that ascend are distinct, each is found live, and there
    /// are as many as the subject has. So no list of them needs storing, which would be half the price of a grant.
    function decide(bytes32 subject, Request calldata request, uint40 instant, bytes32[] calldata consents)
        external
        view
        returns (Verdict memory verdict)
    {
        // slither-disable-next-line uninitialized-local
        DecisionRule.Question memory question; // filled by _ask
        question.instant = instant;
        uint8 obstacle = _ask(question, request);
        Subject memory held = _subjects[subject];
        if (obstacle == 0 && !held.isEnrolled()) obstacle = Reasons.SUBJECT_UNKNOWN;
        if (obstacle != 0) return DecisionRule.refusal(obstacle);

        require(consents.length == held.live, ConsentRegistry__NotAllConsents(consents.length, held.live));
        verdict = DecisionRule.unheard(question);
        bytes32 last = 0;
        for (uint256 i = 0; i < consents.length; ++i) {
            bytes32 id = consents[i];
            ConsentSlot slot = _consents[subject][id];
            require(id > last && slot.isLive(held.epoch), ConsentRegistry__NotALiveConsent(id));
            DecisionRule.hear(verdict, id, _factsOf(subject, id, slot), question, request);
            last = id;
        }
    }

    /// @inheritdoc IConsentRegistry
    function liveConsents(bytes32 subject) external view returns (uint256) {
        return _subjects[subject].live;
    }

    /// @inheritdoc IConsentRegistry
    function isLive(bytes32 subject, bytes32 id) external view returns (bool) {
        return _consents[subject][id].isLive(_subjects[subject].epoch);
    }

    // ------------------------------------------------------------------ one act each

    function _record(ConsentAct calldata act, Scope memory scope, bytes32 digest, Lookups memory lookups)
        private
        returns (bytes4)
    {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory held = _subjects[act.subject];
        (Authority memory by, bytes4 reason) = _authorize(act.subject, held, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        Rights rights = act.rights;
        // The last epoch is one value, which admits no grant.
        // slither-disable-next-line incorrect-equality
        if (rights.issuedAt() <= held.stoppedAt || held.epoch == LAST_EPOCH) return ConsentRegistry__Stopped.selector;
        if (rights.issuedAt() > block.timestamp + MAX_SKEW) return ConsentRegistry__IssuedAhead.selector;
        ConsentSlot old = _consents[act.subject][act.id];
        reason = _versionFault(act.id, rights.version(), old, held.epoch);
        if (reason == ACCEPTED) reason = ScopeRules.faultOf(scope);
        if (reason == ACCEPTED) reason = _lookUp(scope, lookups);
        if (reason != ACCEPTED) return reason;
        bool isGrant = rights.version() == 1;
        if (isGrant && held.live >= MAX_LIVE) return ConsentRegistry__TooManyConsents.selector;
        if (by.capacity == Vocabulary.CAPACITY_STAFF && act.form == 0) return ConsentRegistry__FormMissing.selector;

        uint40 validUntil = by.cut(scope.validUntil);
        Limits limits = act.limits.clean();
        _consents[act.subject][act.id] = pack(
            rights.version(),
            scope,
            limits.saySomething(),
            lookups.recipientNumber,
            validUntil,
            lookups.termsVersion,
            held.epoch
        );
        if (limits.saySomething()) _limits[act.subject][act.id] = limits;
        else if (old.hasLimits()) _limits[act.subject][act.id] = Limits.wrap(0);
        if (isGrant) _subjects[act.subject].live = held.live + 1;
        emit ConsentRecorded(
            act.subject,
            act.id,
            digest,
            act.recipient,
            act.terms,
            rights.recorded(validUntil, by.capacity),
            limits,
            act.form,
            act.signer
        );
        return ACCEPTED;
    }

    function _withdraw(Withdrawal calldata act, bytes32 digest) private returns (bytes4) {
        Subject memory held = _subjects[act.subject];
        (Authority memory by, bytes4 reason) = _authorize(act.subject, held, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        ConsentSlot old = _consents[act.subject][act.id];
        bool live = old.isLive(held.epoch);
        if (!live && !_isFresh(act.subject, act.id)) return ConsentRegistry__ConsentWithdrawn.selector;

        if (live) _subjects[act.subject].live = held.live - 1;
        _consents[act.subject][act.id] = spentSlot(old.version());
        emit ConsentWithdrawn(act.subject, act.id, digest, old.version(), by.capacity, act.signer);
        return ACCEPTED;
    }

    /// @dev The next epoch ends every consent of this one, at the same price whatever their number.
    function _withdrawAll(WithdrawalOfAll calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory held = _subjects[act.subject];
        (Authority memory by, bytes4 reason) = _authorize(act.subject, held, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        if (!_isFresh(act.subject, act.id)) return ConsentRegistry__IdSpent.selector;

        _spend(act.subject, act.id);
        if (held.live != 0) ++held.epoch; // never from the last one, which admits no grant
        held.live = 0;
        held.stoppedAt = uint40(block.timestamp);
        _subjects[act.subject] = held;
        emit AllWithdrawn(act.subject, act.id, digest, by.capacity, act.signer);
        return ACCEPTED;
    }

    // ------------------------------------------------------------------ storage

    function _factsOf(bytes32 subject, bytes32 id, ConsentSlot slot) private view returns (ConsentFacts memory facts) {
        facts = unpack(slot);
        if (slot.hasLimits()) {
            Limits limits = _limits[subject][id];
            facts.dataFrom = limits.dataFrom();
            facts.dataUntil = limits.dataUntil();
            facts.diseases = limits.diseases();
        }
    }

    /// @dev Zero is no id: a verdict that names no consent says zero.
    function _isFresh(bytes32 subject, bytes32 id) internal view override returns (bool) {
        return id != 0 && _consents[subject][id].isUnused();
    }

    function _spend(bytes32 subject, bytes32 id) internal override {
        _consents[subject][id] = spentSlot(0);
    }

    // ------------------------------------------------------------------ checks

    function _versionFault(bytes32 id, uint24 version, ConsentSlot old, uint16 epoch) private pure returns (bytes4) {
        if (version == 1) return id != 0 && old.isUnused() ? ACCEPTED : ConsentRegistry__IdSpent.selector;
        if (old.isUnused()) return ConsentRegistry__WrongVersion.selector;
        if (!old.isLive(epoch)) return ConsentRegistry__ConsentWithdrawn.selector;
        // In 256 bits: at the last version of 24 bits the sum must not overflow, which would revert the batch.
        return version == uint256(old.version()) + 1 ? ACCEPTED : ConsentRegistry__WrongVersion.selector;
    }

    /// @dev Asks the Directory about recipient and terms, where `lookups` does not hold the answer yet.
    function _lookUp(Scope memory scope, Lookups memory lookups) private view returns (bytes4) {
        if (lookups.recipientKind != scope.recipientKind || lookups.recipient != scope.recipient) {
            lookups.recipientKind = scope.recipientKind;
            lookups.recipient = scope.recipient;
            lookups.recipientNumber = _numberOf(scope.recipientKind, scope.recipient);
        }
        bool any = scope.recipientKind == Vocabulary.RECIPIENT_KIND_ANY;
        if (any ? scope.recipient != 0 : lookups.recipientNumber == 0 || lookups.recipientNumber > LAST_RECIPIENT) {
            return ConsentRegistry__UnknownRecipient.selector;
        }
        if (lookups.termsVersion == 0 || lookups.terms != scope.terms) {
            lookups.terms = scope.terms;
            lookups.termsVersion = _DIRECTORY.termsVersion(scope.terms);
        }
        return lookups.termsVersion == 0 ? ConsentRegistry__TermsNotPublished.selector : ACCEPTED;
    }

    function _numberOf(uint8 recipientKind, bytes32 recipient) private view returns (uint32) {
        if (recipientKind == Vocabulary.RECIPIENT_KIND_INSTITUTION) return _DIRECTORY.institutionNumber(recipient);
        if (recipientKind == Vocabulary.RECIPIENT_KIND_STUDY) return _DIRECTORY.studyNumber(recipient);
        return 0;
    }

    /// @dev Fills in what the Directory says of the request; the reason if that refuses it whoever the subject is.
    function _ask(DecisionRule.Question memory question, Request calldata request) private view returns (uint8) {
        if (!DecisionRule.isSound(request)) return Reasons.UNKNOWN_CODE;
        question.study = _DIRECTORY.study(request.study);
        if (question.study.state == 0) return Reasons.STUDY_UNKNOWN;
        if (question.study.state != STUDY_ACTIVE) return Reasons.STUDY_NOT_ACTIVE;
        uint8 state;
        (question.institution, state,) = _DIRECTORY.institution(question.study.institution);
        if (state != INSTITUTION_ACTIVE) return Reasons.INSTITUTION_NOT_ACTIVE;
        if (question.instant >= question.study.ethicsUntil) return Reasons.ETHICS_EXPIRED;
        bytes32 institution;
        uint16 operations;
        (institution, state, operations) = _DIRECTORY.engine(request.engine);
        if (state == 0) return Reasons.ENGINE_UNKNOWN;
        if (state != ENGINE_ACTIVE) return Reasons.ENGINE_NOT_ACTIVE;
        if (institution != question.study.institution) return Reasons.ENGINE_OF_ANOTHER_INSTITUTION;
        return operations & request.operation == 0 ? Reasons.OPERATION_NOT_REGISTERED : 0;
    }
}
