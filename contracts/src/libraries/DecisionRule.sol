// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {StudyFacts} from "../interfaces/IDirectory.sol";
import {ConsentFacts} from "../types/ConsentSlot.sol";
import {Request, Verdict} from "../types/Decision.sol";
import {Reasons} from "./Reasons.sol";
import {Vocabulary} from "./Vocabulary.sol";

/// @title How the consents of one subject decide a request
/// @notice The same rule as ledger/domain/policy.py. Any matching deny wins; otherwise one single permit must cover
/// the whole request. The order in which consents are heard does not matter.
library DecisionRule {
    /// @dev Bits of one use in Vocabulary.ACCEPTS and Vocabulary.TOUCHES.
    uint256 private constant LANE = 16;
    uint256 private constant DISEASE_SIZE = 32;

    /// @notice What is asked, but for the request itself.
    struct Question {
        StudyFacts study;
        uint32 institution; // the Directory's number of the study's institution
        uint40 instant; // seconds UTC
    }

    /// @notice Whether the request itself is sound: one known operation, known categories, a window.
    function isSound(Request calldata request) internal pure returns (bool) {
        return Vocabulary.isOneOperation(request.operation) && request.categories != 0
            && request.categories & ~Vocabulary.KNOWN_CATEGORIES == 0 && request.dataFrom < request.dataUntil;
    }

    /// @notice A deny for a reason that no consent, and no time, would change.
    function refusal(uint8 reason) internal pure returns (Verdict memory) {
        return Verdict(Reasons.OUTCOME_DENY, reason, 0, 0, Vocabulary.FOREVER);
    }

    /// @notice The verdict before any consent was heard.
    function unheard(Question memory question) internal pure returns (Verdict memory) {
        return Verdict(Reasons.OUTCOME_DENY, Reasons.NO_CONSENT, 0, 0, question.study.ethicsUntil);
    }

    /// @notice Lets one consent that is not withdrawn bear on `verdict`.
    function hear(
        Verdict memory verdict,
        bytes32 id,
        ConsentFacts memory consent,
        Question memory question,
        Request calldata request
    ) internal pure {
        bool early = question.instant < consent.validFrom;
        if (!early && question.instant >= consent.validUntil) return;
        uint40 change = early ? consent.validFrom : consent.validUntil;
        if (change < verdict.validUntil) verdict.validUntil = change;
        if (early) return;
        uint8 reason = _voice(consent, question, request);
        if (reason != 0) _weigh(verdict, reason, id, consent.version);
    }

    /// @dev What a consent in its validity says: a Reason, or 0 where it is silent.
    function _voice(ConsentFacts memory consent, Question memory question, Request calldata request)
        private
        pure
        returns (uint8)
    {
        if (consent.deny) return _touches(consent, question, request) ? Reasons.DENIED_BY_SUBJECT : 0;
        if (!_covers(consent, question, request)) return Reasons.NOT_COVERED;
        return consent.termsVersion >= question.study.requiredTerms ? Reasons.PERMITTED : Reasons.RECONSENT_REQUIRED;
    }

    /// @dev Lets `reason` decide if it outranks what was heard so far, or has the same rank and a lower id.
    function _weigh(Verdict memory verdict, uint8 reason, bytes32 id, uint24 version) private pure {
        uint256 rank = _rankOf(reason);
        uint256 held = _rankOf(verdict.reason);
        bool named = reason != Reasons.NOT_COVERED;
        if (rank < held || (rank == held && !(named && id < verdict.consent))) return;
        verdict.outcome = reason == Reasons.PERMITTED ? Reasons.OUTCOME_PERMIT : Reasons.OUTCOME_DENY;
        verdict.reason = reason;
        verdict.consent = named ? id : bytes32(0);
        verdict.version = named ? version : 0;
    }

    function _rankOf(uint8 reason) private pure returns (uint256) {
        if (reason == Reasons.DENIED_BY_SUBJECT) return 4;
        if (reason == Reasons.PERMITTED) return 3;
        if (reason == Reasons.RECONSENT_REQUIRED) return 2;
        if (reason == Reasons.NOT_COVERED) return 1;
        return 0; // no consent
    }

    /// @dev Whether a permit covers the whole of the request.
    function _covers(ConsentFacts memory consent, Question memory question, Request calldata request)
        private
        pure
        returns (bool)
    {
        return _names(consent, question) && question.study.conditions & ~consent.conditions == 0
            && request.categories & ~consent.categories == 0 && request.operation & consent.operations != 0
            && consent.dataFrom <= request.dataFrom && request.dataUntil <= consent.dataUntil
            && _acceptsUses(consent, question.study);
    }

    /// @dev Whether a deny touches any part of the request.
    function _touches(ConsentFacts memory consent, Question memory question, Request calldata request)
        private
        pure
        returns (bool)
    {
        return _names(consent, question)
            && (consent.conditions == Vocabulary.ANY16 || question.study.conditions & consent.conditions != 0)
            && request.categories & consent.categories != 0 && request.operation & consent.operations != 0
            && consent.dataFrom < request.dataUntil && request.dataFrom < consent.dataUntil
            && _touchesUses(consent.purposes, question.study.uses);
    }

    /// @dev Whether the study is among the recipients.
    function _names(ConsentFacts memory consent, Question memory question) private pure returns (bool) {
        if (consent.recipientKind == Vocabulary.RECIPIENT_KIND_ANY) return true;
        uint32 number = consent.recipientKind == Vocabulary.RECIPIENT_KIND_INSTITUTION
            ? question.institution
            : question.study.number;
        return consent.recipient == number;
    }

    /// @dev Every use of the study must be accepted.
    function _acceptsUses(ConsentFacts memory consent, StudyFacts memory study) private pure returns (bool) {
        for (uint256 use = 0; study.uses >> use != 0; ++use) {
            if ((study.uses >> use) & 1 == 0) continue;
            if ((Vocabulary.ACCEPTS >> (LANE * use)) & consent.purposes & Vocabulary.ANY16 != 0) continue;
            if (1 << use != Vocabulary.USE_DISEASE || !_namesDiseases(consent, study.diseases)) return false;
        }
        return true;
    }

    /// @dev One use of the study is enough.
    function _touchesUses(uint16 purposes, uint8 uses) private pure returns (bool) {
        for (uint256 use = 0; uses >> use != 0; ++use) {
            if ((uses >> use) & 1 == 0) continue;
            if ((Vocabulary.TOUCHES >> (LANE * use)) & purposes & Vocabulary.ANY16 != 0) return true;
        }
        return false;
    }

    /// @dev Whether each disease of the study, or an ancestor of it, is among those of the consent.
    function _namesDiseases(ConsentFacts memory consent, uint32[][] memory closures) private pure returns (bool) {
        if (consent.purposes & Vocabulary.PURPOSE_DS == 0 || closures.length == 0) return false;
        for (uint256 i = 0; i < closures.length; ++i) {
            if (!_meets(consent.diseases, closures[i])) return false;
        }
        return true;
    }

    function _meets(uint160 diseases, uint32[] memory closure) private pure returns (bool) {
        for (uint256 i = 0; i < closure.length; ++i) {
            for (uint256 left = diseases; left != 0; left >>= DISEASE_SIZE) {
                if (uint32(left) != 0 && uint32(left) == closure[i]) return true;
            }
        }
        return false;
    }
}
