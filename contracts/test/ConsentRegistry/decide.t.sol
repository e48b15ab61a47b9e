// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {Reasons} from "../../src/libraries/Reasons.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {EngineRegistration, StudyProposal} from "../../src/interfaces/IDirectory.sol";

import {Request, Verdict} from "../../src/types/Decision.sol";
import {Consent, Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev The rule in all its breadth is held equal to ledger.domain.policy by tests/conformance; here, its branches.
contract DecideTest is Ledger {
    // ------------------------------------------------------------------ before any consent

    function test_WhenTheRequestIsUnsound_ItIsAnUnknownCode() external view {
        Request memory request = anyRequest();
        request.operation = 3;
        assertReason(decide(request), Reasons.UNKNOWN_CODE);
        request.operation = 0;
        assertReason(decide(request), Reasons.UNKNOWN_CODE);
        request.operation = 1 << 9;
        assertReason(decide(request), Reasons.UNKNOWN_CODE);
        request = anyRequest();
        request.categories = 0;
        assertReason(decide(request), Reasons.UNKNOWN_CODE);
        request.categories = Vocabulary.ANY32;
        assertReason(decide(request), Reasons.UNKNOWN_CODE);
        request = anyRequest();
        request.dataFrom = request.dataUntil;
        assertReason(decide(request), Reasons.UNKNOWN_CODE);
    }

    function test_GivenTheStudysCourse_OnlyAnActiveOneIsAnswered() external {
        record(consentAct(CONSENT));
        StudyProposal memory act = studyAct();
        act.id = "s2";
        Request memory request = anyRequest();
        request.study = "s2";
        assertReason(decide(request), Reasons.STUDY_UNKNOWN);
        propose(act);
        assertReason(decide(request), Reasons.STUDY_NOT_ACTIVE);
        approve("s2");
        assertReason(decide(request), Reasons.STUDY_NOT_ACTIVE);
        moveStudy("s2", 2, 3);
        assertReason(decide(request), Reasons.PERMITTED);
        moveStudy("s2", 3, 4);
        assertReason(decide(request), Reasons.STUDY_NOT_ACTIVE);
        moveStudy("s2", 4, 5);
        assertReason(decide(request), Reasons.STUDY_NOT_ACTIVE);
    }

    function test_GivenTheInstitutionIsSuspended_ItIsRefused() external {
        record(consentAct(CONSENT));
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        assertReason(decide(anyRequest()), Reasons.INSTITUTION_NOT_ACTIVE);
    }

    function test_GivenTheApprovalsEnd_ItHoldsUpToIt() external {
        record(consentAct(CONSENT));
        StudyProposal memory act = studyAct();
        (act.id, act.ethicsUntil) = ("s2", NOW + 10);
        propose(act);
        approve("s2");
        moveStudy("s2", 2, 3);
        Request memory request = anyRequest();
        request.study = "s2";
        Verdict memory verdict = decideAt(request, NOW + 9);
        assertReason(verdict, Reasons.PERMITTED);
        vm.assertEq(verdict.validUntil, NOW + 10, "valid until then");
        assertReason(decideAt(request, NOW + 10), Reasons.ETHICS_EXPIRED);
    }

    function test_GivenTheEngine_ItMustBeRegisteredForTheOperationByTheStudysInstitution() external {
        record(consentAct(CONSENT));
        Request memory request = anyRequest();
        request.operation = Vocabulary.OPERATION_SYNTHETIC_DATA;
        assertReason(decide(request), Reasons.OPERATION_NOT_REGISTERED);
        request = anyRequest();
        request.engine = "e2";
        assertReason(decide(request), Reasons.ENGINE_UNKNOWN);
        vm.prank(ADMIN);
        directory.admitInstitution("other", "other", signerOf(STRANGER_KEY));
        EngineRegistration memory act = engineAct();
        (act.id, act.institution) = ("e2", "other");
        signEngine(act, STRANGER_KEY);
        directory.registerEngine(act);
        assertReason(decide(request), Reasons.ENGINE_OF_ANOTHER_INSTITUTION);
        directory.revokeEngine(ENGINE, revocationSignature(ENGINE, HOSPITAL_KEY));
        assertReason(decide(anyRequest()), Reasons.ENGINE_NOT_ACTIVE);
    }

    function test_GivenAnUnknownSubject_ItIsRefused() external view {
        Verdict memory verdict = registry.decide(keccak256("nobody"), anyRequest(), NOW, new bytes32[](0));
        assertReason(verdict, Reasons.SUBJECT_UNKNOWN);
        vm.assertEq(verdict.validUntil, FOREVER, "whatever the time");
    }

    // ------------------------------------------------------------------ the set of consents

    function test_GivenAPermitAndADeny_WhenOneIsLeftOut_ItReverts() external {
        _permitAndDeny();
        _expectNotAll(_ids("1", "", 1), 2);
        _expectNotAll(_ids("2", "", 1), 2);
        _expectNotAll(new bytes32[](0), 2);
        assertReason(decide(anyRequest()), Reasons.DENIED_BY_SUBJECT);
    }

    function test_GivenAPermitAndADeny_WhenOneIsNamedTwice_ItReverts() external {
        _permitAndDeny();
        _expectNotLive(_ids("1", "1", 2), "1");
        _expectNotLive(_ids("2", "1", 2), "1"); // descending
    }

    function test_GivenAPermitAndADeny_WhenAnIdThatIsNotLiveFillsIn_ItReverts() external {
        _permitAndDeny();
        record(consentAct("0"));
        withdraw(withdrawalAct("0"));
        _expectNotLive(_ids("0", "1", 2), "0"); // withdrawn
        _expectNotLive(_ids("1", "3", 2), "3"); // never used
        addSigner(additionAct("4", signerOf(STRANGER_KEY)));
        _expectNotLive(_ids("1", "4", 2), "4"); // spent by another act
        _expectNotLive(_ids(0, "1", 2), 0);
        bytes32 other = keccak256("other");
        enrol(enrolmentAct(other, STRANGER_KEY));
        Consent memory act = consentAct("5");
        (act.subject, act.signer) = (other, signerOf(STRANGER_KEY));
        assertAccepted(record(act, STRANGER_KEY));
        _expectNotLive(_ids("1", "5", 2), "5"); // somebody else's
    }

    function test_GivenAWithdrawalOfAll_WhenAnIdFromBeforeFillsIn_ItReverts() external {
        record(consentAct("1"));
        withdrawAll(withdrawalOfAllAct("all"));
        vm.warp(NOW + 1);
        Consent memory deny = consentAct("2");
        deny.scope.effect = Vocabulary.EFFECT_DENY;
        record(deny);
        _expectNotLive(_ids("1", "", 1), "1");
    }

    function _permitAndDeny() private {
        record(consentAct("1"));
        Consent memory deny = consentAct("2");
        deny.scope.effect = Vocabulary.EFFECT_DENY;
        record(deny);
    }

    function _ids(bytes32 first, bytes32 second, uint256 count) private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](count);
        ids[0] = first;
        if (count == 2) ids[1] = second;
    }

    function _expectNotAll(bytes32[] memory ids, uint256 live) private {
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentRegistry__NotAllConsents.selector, ids.length, live)
        );
        registry.decide(PATIENT, anyRequest(), NOW, ids);
    }

    function _expectNotLive(bytes32[] memory ids, bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentRegistry__NotALiveConsent.selector, id));
        registry.decide(PATIENT, anyRequest(), NOW, ids);
    }

    // ------------------------------------------------------------------ the consents

    function test_GivenNone_ThereIsNoConsent() external view {
        assertReason(decide(anyRequest()), Reasons.NO_CONSENT);
    }

    function test_GivenAPermitThatFallsShort_ItIsNotCovered() external {
        Consent memory act = consentAct(CONSENT);
        act.scope.categories = Vocabulary.CATEGORY_GENOMICS;
        record(act);
        assertReason(decide(anyRequest()), Reasons.NOT_COVERED);
    }

    function test_GivenTwoPermitsThatTogetherWouldCover_ItIsNotCovered() external {
        Consent memory act = consentAct("1");
        act.scope.categories = Vocabulary.CATEGORY_GENOMICS;
        record(act);
        act = consentAct("2");
        act.scope.categories = Vocabulary.CATEGORY_LABORATORY;
        record(act);
        Request memory request = anyRequest();
        request.categories = Vocabulary.CATEGORY_GENOMICS | Vocabulary.CATEGORY_LABORATORY;
        assertReason(decide(request), Reasons.NOT_COVERED);
    }

    function test_GivenADenyThatTouches_ItWins() external {
        record(consentAct("1"));
        Consent memory act = consentAct("2");
        act.scope.effect = Vocabulary.EFFECT_DENY;
        act.scope.categories = Vocabulary.CATEGORY_LABORATORY | Vocabulary.CATEGORY_IMAGING;
        record(act);
        Verdict memory verdict = decide(anyRequest());
        assertReason(verdict, Reasons.DENIED_BY_SUBJECT);
        vm.assertEq(verdict.consent, "2", "names it");
        Request memory request = anyRequest();
        request.categories = Vocabulary.CATEGORY_NOTES;
        assertReason(decide(request), Reasons.PERMITTED);
    }

    function testFuzz_GivenSeveralOfAKind_TheLowestIdIsNamed(bytes32 a, bytes32 b, bytes32 c) external {
        vm.assume(a != b && b != c && a != c && a != 0 && b != 0 && c != 0);
        record(consentAct(a));
        record(consentAct(b));
        record(consentAct(c));
        bytes32 lowest = a < b ? a : b;
        lowest = lowest < c ? lowest : c;
        vm.assertEq(decide(anyRequest()).consent, lowest, "lowest");
    }

    function test_GivenOldTerms_ReconsentIsRequired() external {
        vm.prank(ADMIN);
        directory.publishTerms("old", 1, "en", "");
        Consent memory act = consentAct("1");
        act.scope.terms = "old";
        record(act);
        Verdict memory verdict = decide(anyRequest());
        assertReason(verdict, Reasons.RECONSENT_REQUIRED);
        vm.assertEq(verdict.consent, "1", "names it");
        record(consentAct("2"));
        assertReason(decide(anyRequest()), Reasons.PERMITTED);
    }

    function test_GivenAWindow_TheVerdictSaysUntilWhen() external {
        Consent memory act = consentAct(CONSENT);
        (act.scope.validFrom, act.scope.validUntil) = (NOW + 10, NOW + 20);
        record(act);
        uint8[4] memory reasons = [Reasons.NO_CONSENT, Reasons.PERMITTED, Reasons.PERMITTED, Reasons.NO_CONSENT];
        uint40[4] memory times = [NOW + 9, NOW + 10, NOW + 19, NOW + 20];
        uint40[4] memory until = [NOW + 10, NOW + 20, NOW + 20, FOREVER];
        for (uint256 i = 0; i < 4; ++i) {
            Verdict memory verdict = decideAt(anyRequest(), times[i]);
            assertReason(verdict, reasons[i]);
            vm.assertEq(verdict.validUntil, until[i], "until");
        }
    }

    function test_GivenADataWindow_APermitMustContainAndADenyMustMeetIt() external {
        Consent memory act = consentAct("1");
        (act.scope.dataFrom, act.scope.dataUntil) = (100, 200);
        record(act);
        Request memory request = anyRequest();
        (request.dataFrom, request.dataUntil) = (100, 200);
        assertReason(decide(request), Reasons.PERMITTED);
        (request.dataFrom, request.dataUntil) = (99, 200);
        assertReason(decide(request), Reasons.NOT_COVERED);
        (request.dataFrom, request.dataUntil) = (100, 201);
        assertReason(decide(request), Reasons.NOT_COVERED);
        act = consentAct("2");
        act.scope.effect = Vocabulary.EFFECT_DENY;
        (act.scope.dataFrom, act.scope.dataUntil) = (150, 160);
        record(act);
        (request.dataFrom, request.dataUntil) = (100, 150);
        assertReason(decide(request), Reasons.PERMITTED);
        (request.dataFrom, request.dataUntil) = (100, 151);
        assertReason(decide(request), Reasons.DENIED_BY_SUBJECT);
        (request.dataFrom, request.dataUntil) = (160, 200);
        assertReason(decide(request), Reasons.PERMITTED);
    }

    function test_GivenLimitsWereDropped_TheyNoLongerCount() external {
        Consent memory act = consentAct(CONSENT);
        act.scope.dataUntil = 5;
        record(act);
        assertReason(decide(anyRequest()), Reasons.NOT_COVERED);
        act = consentAct(CONSENT);
        act.version = 2;
        record(act);
        Verdict memory verdict = decide(anyRequest());
        assertReason(verdict, Reasons.PERMITTED);
        vm.assertEq(verdict.version, 2, "version");
    }

    function test_GivenADiseaseStudy_AConsentByDiseaseMustNameEachOrAnAncestor() external {
        StudyProposal memory study = studyAct();
        (study.id, study.uses) = ("s2", Vocabulary.USE_DISEASE);
        study.diseases = new uint32[][](2);
        study.diseases[0] = new uint32[](2);
        (study.diseases[0][0], study.diseases[0][1]) = (10, 1);
        study.diseases[1] = new uint32[](1);
        study.diseases[1][0] = 20;
        propose(study);
        approve("s2");
        moveStudy("s2", 2, 3);
        Request memory request = anyRequest();
        request.study = "s2";
        uint160[4] memory named = [uint160(10), 20, 1 | (20 << 32), 10 | (uint160(20) << 128)];
        for (uint256 i = 0; i < 4; ++i) {
            Consent memory act = consentAct(CONSENT);
            act.version = uint24(i + 1);
            (act.scope.purposes, act.scope.diseases) = (Vocabulary.PURPOSE_DS, named[i]);
            assertAccepted(record(act));
            assertReason(decide(request), i < 2 ? Reasons.NOT_COVERED : Reasons.PERMITTED);
        }
    }

    function test_GivenARecipient_OnlyItIsMeant() external {
        Consent memory act = consentAct(CONSENT);
        (act.scope.recipientKind, act.scope.recipient) = (Vocabulary.RECIPIENT_KIND_STUDY, STUDY);
        record(act);
        assertReason(decide(anyRequest()), Reasons.PERMITTED);
        StudyProposal memory study = studyAct();
        study.id = "s2";
        propose(study);
        approve("s2");
        moveStudy("s2", 2, 3);
        Request memory request = anyRequest();
        request.study = "s2";
        assertReason(decide(request), Reasons.NOT_COVERED);
        act = consentAct("2");
        (act.scope.recipientKind, act.scope.recipient) = (Vocabulary.RECIPIENT_KIND_INSTITUTION, HOSPITAL);
        record(act);
        assertReason(decide(request), Reasons.PERMITTED);
    }
}
