// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {StudyFacts} from "../../src/interfaces/IDirectory.sol";
import {DecisionRule} from "../../src/libraries/DecisionRule.sol";
import {Reasons} from "../../src/libraries/Reasons.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {ConsentFacts} from "../../src/types/ConsentSlot.sol";
import {Request, Verdict} from "../../src/types/Decision.sol";

/// @title The decision, symbolically: every mask, time and number of consent, study and request is any value at all
/// @notice What is asserted is written from docs/consent.md, dimension by dimension, and not from the code.
contract DecisionRuleSymbolic {
    /// @dev A study, but for its diseases.
    struct Study {
        uint32 number;
        uint32 institution;
        uint8 uses;
        uint16 conditions;
        uint32 requiredTerms;
        uint40 ethicsUntil;
    }

    bytes32 private constant LOW = bytes32(uint256(1));
    bytes32 private constant HIGH = bytes32(uint256(2));

    function check_AnUnknownRequestIsNotSound(Request calldata request) external pure {
        bool operation = false;
        for (uint256 known = 1; known < 1 << 9; known <<= 1) {
            if (request.operation == known) operation = true;
        }
        bool categories = request.categories > 0 && request.categories < 1 << 16;
        bool window = request.dataUntil > request.dataFrom;
        assert(DecisionRule.isSound(request) == (operation && categories && window));
    }

    /// @dev One use a path, two diseases at most: each use is judged by itself, which the next check proves.
    function check_APermitCoversEveryDimension(
        ConsentFacts memory consent,
        Study memory study,
        Request calldata request,
        uint40 instant
    ) external pure {
        study.uses = uint8(1 << _below(study.uses, 8));
        consent.diseases &= type(uint64).max;
        DecisionRule.Question memory question = _question(study, instant);
        Verdict memory verdict = DecisionRule.unheard(question);
        DecisionRule.hear(verdict, LOW, consent, question, request);
        if (verdict.outcome != Reasons.OUTCOME_PERMIT) {
            assert(verdict.outcome == Reasons.OUTCOME_DENY && verdict.reason != Reasons.PERMITTED);
            return;
        }
        assert(verdict.reason == Reasons.PERMITTED && verdict.consent == LOW && verdict.version == consent.version);
        assert(!consent.deny);
        assert(consent.validFrom <= instant && instant < consent.validUntil);
        assert(consent.dataFrom <= request.dataFrom && request.dataUntil <= consent.dataUntil);
        assert(request.categories | consent.categories == consent.categories);
        assert(study.conditions | consent.conditions == consent.conditions);
        assert(request.operation & consent.operations != 0);
        assert(consent.termsVersion >= study.requiredTerms);
        assert(_isRecipient(consent, study));
        assert(_accepts(consent, study.uses));
    }

    /// @dev Any set of uses, known or not; whatever else a consent must cover, it does.
    function check_EveryUseIsAccepted(
        ConsentFacts memory consent,
        Study memory study,
        Request calldata request,
        uint40 instant
    ) external pure {
        uint16 purposes = consent.purposes;
        _narrow(consent, request);
        (consent.purposes, consent.diseases) = (purposes, 0);
        (study.conditions, study.requiredTerms) = (0, 0);
        DecisionRule.Question memory question = _question(study, instant);
        Verdict memory verdict = DecisionRule.unheard(question);
        DecisionRule.hear(verdict, LOW, consent, question, request);
        if (verdict.outcome != Reasons.OUTCOME_PERMIT) return;
        for (uint256 use = 1; use < 1 << 8; use <<= 1) {
            if (study.uses & use != 0) assert(_accepts(consent, use));
        }
    }

    /// @dev A deny that overlaps the request wins over any other consent, heard before it or after.
    function check_ADenyThatTouchesWins(
        ConsentFacts memory deny,
        ConsentFacts memory other,
        Study memory study,
        Request calldata request,
        uint40 instant,
        bool first
    ) external pure {
        study.uses = Vocabulary.USE_BIOMEDICAL;
        _narrow(other, request);
        DecisionRule.Question memory question = _question(study, instant);
        deny.deny = true;
        if (instant < deny.validFrom || instant >= deny.validUntil || !_isRecipient(deny, study)) return;
        if (deny.conditions != Vocabulary.ANY16 && deny.conditions & study.conditions == 0) return;
        if (deny.categories & request.categories == 0 || deny.operations & request.operation == 0) return;
        if (deny.dataFrom >= request.dataUntil || request.dataFrom >= deny.dataUntil) return;
        uint16 touching = Vocabulary.PURPOSE_NRES | Vocabulary.PURPOSE_GRU | Vocabulary.PURPOSE_HMB;
        if (deny.purposes & touching == 0) return;

        Verdict memory verdict = DecisionRule.unheard(question);
        if (first) DecisionRule.hear(verdict, LOW, deny, question, request);
        DecisionRule.hear(verdict, HIGH, other, question, request);
        if (!first) DecisionRule.hear(verdict, LOW, deny, question, request);
        assert(verdict.outcome == Reasons.OUTCOME_DENY);
        assert(verdict.reason == Reasons.DENIED_BY_SUBJECT && verdict.consent == LOW);
    }

    /// @dev Two consents, each silent, early, denying, permitting or stale: the order in which they are heard is nothing.
    function check_TheOrderDoesNotMatter(
        ConsentFacts memory one,
        ConsentFacts memory two,
        Study memory study,
        Request calldata request,
        uint40 instant
    ) external pure {
        study.uses = Vocabulary.USE_BIOMEDICAL;
        _narrow(one, request);
        _narrow(two, request);
        DecisionRule.Question memory question = _question(study, instant);
        Verdict memory ahead = DecisionRule.unheard(question);
        DecisionRule.hear(ahead, LOW, one, question, request);
        DecisionRule.hear(ahead, HIGH, two, question, request);
        Verdict memory back = DecisionRule.unheard(question);
        DecisionRule.hear(back, HIGH, two, question, request);
        DecisionRule.hear(back, LOW, one, question, request);
        assert(keccak256(abi.encode(ahead)) == keccak256(abi.encode(back)));
    }

    /// @dev The dimensions that only say yes or no one after the other are left at one that says yes.
    function _narrow(ConsentFacts memory consent, Request calldata request) private pure {
        consent.recipientKind = Vocabulary.RECIPIENT_KIND_ANY;
        consent.conditions = Vocabulary.ANY16;
        consent.categories = Vocabulary.ANY32;
        consent.purposes = Vocabulary.ANY16;
        consent.dataFrom = request.dataFrom;
        consent.dataUntil = request.dataUntil;
    }

    /// @dev A path of its own for every number below `bound`.
    function _below(uint256 choice, uint256 bound) private pure returns (uint256 number) {
        for (number = 0; number < bound - 1; ++number) {
            if (choice == number) return number;
        }
    }

    function _question(Study memory study, uint40 instant)
        private
        pure
        returns (DecisionRule.Question memory question)
    {
        question.institution = study.institution;
        question.instant = instant;
        StudyFacts memory facts = question.study;
        facts.number = study.number;
        facts.uses = study.uses;
        facts.conditions = study.conditions;
        facts.requiredTerms = study.requiredTerms;
        facts.ethicsUntil = study.ethicsUntil;
        facts.diseases = new uint32[][](2);
        facts.diseases[0] = new uint32[](2);
        (facts.diseases[0][0], facts.diseases[0][1]) = (11, 12);
        facts.diseases[1] = new uint32[](1);
        facts.diseases[1][0] = 12;
    }

    function _isRecipient(ConsentFacts memory consent, Study memory study) private pure returns (bool) {
        if (consent.recipientKind == Vocabulary.RECIPIENT_KIND_ANY) return true;
        if (consent.recipientKind == Vocabulary.RECIPIENT_KIND_INSTITUTION) {
            return consent.recipient == study.institution;
        }
        return consent.recipient == study.number;
    }

    /// @dev The table of docs/consent.md: which purposes accept a use.
    function _accepts(ConsentFacts memory consent, uint256 use) private pure returns (bool) {
        uint16 purposes = consent.purposes;
        if (purposes & Vocabulary.PURPOSE_NRES != 0) return use < 1 << 6; // no restriction, of what is known
        bool general = purposes & Vocabulary.PURPOSE_GRU != 0;
        bool health = purposes & Vocabulary.PURPOSE_HMB != 0;
        if (use == Vocabulary.USE_GENERAL) return general;
        if (use == Vocabulary.USE_BIOMEDICAL) return general || health;
        if (use == Vocabulary.USE_DISEASE) return general || health || _namesBoth(consent);
        if (use == Vocabulary.USE_ANCESTRY) return general || purposes & Vocabulary.PURPOSE_POA != 0;
        if (use == Vocabulary.USE_METHODS) return purposes & Vocabulary.PURPOSE_METHODS != 0;
        if (use == Vocabulary.USE_CLINICAL_CARE) return purposes & Vocabulary.PURPOSE_CLINICAL_CARE != 0;
        return false; // a use that nobody knows
    }

    /// @dev The study's diseases are 11, below 12, and 12: naming 12 names both, and nothing else does.
    function _namesBoth(ConsentFacts memory consent) private pure returns (bool) {
        if (consent.purposes & Vocabulary.PURPOSE_DS == 0) return false;
        bool named = false;
        for (uint256 place = 0; place < 5; ++place) {
            if (uint32(consent.diseases >> (32 * place)) == 12) named = true;
        }
        return named;
    }
}
