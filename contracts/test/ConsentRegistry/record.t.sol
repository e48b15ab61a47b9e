// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {ActHashes} from "../../src/libraries/ActHashes.sol";
import {SignatureGate} from "../../src/libraries/SignatureGate.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {ConsentAct, SignerAddition} from "../../src/types/Acts.sol";
import {Limits, Rights, scopeOf} from "../../src/types/ConsentWords.sol";
import {Scope} from "../../src/types/Scope.sol";
import {BurningWallet, FloodingWallet, HungryWallet, PlainWallet, RevertingWallet} from "../mocks/Wallets.sol";
import {carried, Consent, Ledger, limitsOf, rightsOf} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

contract RecordTest is Ledger {
    // ------------------------------------------------------------------ the act

    function test_GivenASoundAct_ItStoresAndEmits() external {
        Consent memory act = consentAct(CONSENT);
        assertAccepted(record(act));
        vm.assertEq(logs.length, 1, "one event");
        vm.assertEq(logs[0].topics[0], IConsentRegistry.ConsentRecorded.selector, "event");
        vm.assertEq(logs[0].topics[1], PATIENT, "subject");
        vm.assertEq(logs[0].topics[2], CONSENT, "id");
        bytes memory expected = abi.encode(
            digestOf(address(registry), hashOf(act)),
            act.scope.recipient,
            act.scope.terms,
            rightsOf(act.scope, act.version, act.scope.validUntil, Vocabulary.CAPACITY_SELF),
            limitsOf(act.scope),
            act.form,
            act.signer
        );
        vm.assertEq(logs[0].data, expected, "data");
        vm.assertEq(registry.liveConsents(PATIENT), 1, "counted");
        vm.assertTrue(registry.isLive(PATIENT, CONSENT), "live");
        vm.assertFalse(registry.isLive(STUDY, CONSENT), "for its subject alone");
    }

    /// @dev What the packed words have room for beyond their fields is signed by nobody, and so must say nothing.
    function testFuzz_WhenUnusedBitsAreSet_TheyLeaveNoTrace(uint256 dirt, uint40 dataUntil) external {
        Consent memory act = consentAct(CONSENT);
        (act.scope.dataFrom, act.scope.dataUntil) = (1, dataUntil < 2 ? 2 : dataUntil); // the lowest bit is a field's
        act.signature = sign(PATIENT_KEY, address(registry), hashOf(act));
        ConsentAct[] memory acts = new ConsentAct[](1);
        acts[0] = carried(act);
        acts[0].rights = Rights.wrap(Rights.unwrap(acts[0].rights) | (dirt << 240));
        acts[0].limits = Limits.wrap(Limits.unwrap(acts[0].limits) | (dirt << 240));
        vm.recordLogs();
        registry.record(acts);
        assertAccepted(refusal());
        (,,, Rights rights, Limits limits) = abi.decode(logs[0].data, (bytes32, bytes32, bytes32, Rights, Limits));
        vm.assertEq(Limits.unwrap(limits), Limits.unwrap(limitsOf(act.scope)), "limits");
        Rights expected = rightsOf(act.scope, 1, act.scope.validUntil, Vocabulary.CAPACITY_SELF);
        vm.assertEq(Rights.unwrap(rights), Rights.unwrap(expected), "rights");
    }

    function testFuzz_GivenAnyScope_ItsDigestIsThatOfEip712(Scope memory scope, uint24 version, uint40 issuedAt)
        external
        view
    {
        Consent memory act = consentAct(CONSENT);
        (act.scope, act.version, act.issuedAt) = (scope, version, issuedAt);
        vm.assertEq(this.digestedBy(carried(act)), hashOf(act), "digest");
    }

    function digestedBy(ConsentAct calldata act) external pure returns (bytes32) {
        return ActHashes.hash(act, scopeOf(act.rights, act.limits, act.recipient, act.terms));
    }

    function test_WhenItIsSentBySomebodyElse_ItIsAccepted() external {
        Consent[] memory acts = new Consent[](1);
        acts[0] = consentAct(CONSENT);
        acts[0].signature = sign(PATIENT_KEY, address(registry), hashOf(acts[0]));
        ConsentAct[] memory packed = new ConsentAct[](1);
        packed[0] = carried(acts[0]);
        vm.prank(address(0xBEEF));
        registry.record(packed);
        vm.assertEq(registry.liveConsents(PATIENT), 1, "recorded");
    }

    function test_WhenTheDeadlineIsNow_ItIsAccepted() external {
        Consent memory act = consentAct(CONSENT);
        act.deadline = NOW;
        assertAccepted(record(act));
    }

    function test_WhenTheDeadlineHasPassed_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        act.deadline = NOW - 1;
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__DeadlinePassed.selector);
    }

    function test_WhenTheSubjectIsNotEnrolled_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        act.subject = keccak256("nobody");
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__SubjectUnknown.selector);
    }

    function test_WhenGrantsArePaused_ItIsRefused() external {
        vm.prank(ADMIN);
        registry.pauseGrants(true);
        assertRefused(record(consentAct(CONSENT)), IConsentRegistry.ConsentRegistry__GrantsPaused.selector);
        vm.prank(ADMIN);
        registry.pauseGrants(false);
        assertAccepted(record(consentAct(CONSENT)));
    }

    // ------------------------------------------------------------------ signature and authority

    function test_WhenAnotherKeySigned_ItIsRefused() external {
        assertRefused(
            record(consentAct(CONSENT), STRANGER_KEY), IConsentRegistry.ConsentRegistry__BadSignature.selector
        );
    }

    function test_WhenAStrangerSignsAsHimself_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        act.signer = signerOf(STRANGER_KEY);
        assertRefused(record(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
    }

    function testFuzz_WhenASignedFieldWasChanged_ItIsRefused(uint256 field, uint256 value) external {
        Consent memory act = consentAct(CONSENT);
        act.signature = sign(PATIENT_KEY, address(registry), hashOf(act));
        bytes32 signed = hashOf(act);
        field %= 12;
        if (field == 0) act.id = bytes32(value);
        if (field == 1) act.version = uint24(value);
        if (field == 2) act.form = bytes32(value);
        if (field == 3) act.issuedAt = uint40(value);
        if (field == 4) act.deadline = uint40(block.timestamp + (value % 1 days));
        if (field == 5) act.scope.effect = uint8(value);
        if (field == 6) act.scope.purposes = uint16(value);
        if (field == 7) act.scope.conditions = uint16(value);
        if (field == 8) act.scope.operations = uint16(value);
        if (field == 9) act.scope.categories = uint32(value);
        if (field == 10) act.scope.validUntil = uint40(value);
        if (field == 11) act.scope.terms = bytes32(value);
        vm.assume(hashOf(act) != signed);
        assertRefused(sendConsent(act), IConsentRegistry.ConsentRegistry__BadSignature.selector);
        vm.assertEq(registry.liveConsents(PATIENT), 0, "nothing recorded");
    }

    function testFuzz_WhenTheSignatureIsNotOne_ItIsRefused(bytes calldata signature) external {
        Consent memory act = consentAct(CONSENT);
        act.signature = signature;
        assertRefused(sendConsent(act), IConsentRegistry.ConsentRegistry__BadSignature.selector);
    }

    function test_WhenTheSignatureIsTheOtherOfThePair_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PATIENT_KEY, digestOf(address(registry), hashOf(act)));
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        act.signature = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        assertRefused(sendConsent(act), IConsentRegistry.ConsentRegistry__BadSignature.selector);
    }

    function test_WhenTheSignerIsTooShort_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        act.signer = hex"01";
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__BadSignature.selector);
    }

    function test_GivenAWindowOfAuthority_ItHoldsFromItsStartUpToItsEnd() external {
        SignerAddition memory addition = additionAct("addition", signerOf(STRANGER_KEY));
        addition.from = NOW + 10;
        addition.until = NOW + 20;
        assertAccepted(addSigner(addition));
        uint40[4] memory times = [NOW + 9, NOW + 10, NOW + 19, NOW + 20];
        for (uint256 i = 0; i < times.length; ++i) {
            vm.warp(times[i]);
            Consent memory act = consentAct(keccak256(abi.encode(i)));
            act.signer = signerOf(STRANGER_KEY);
            bytes4 reason = record(act, STRANGER_KEY);
            if (i == 1 || i == 2) assertAccepted(reason);
            else assertRefused(reason, IConsentRegistry.ConsentRegistry__NoAuthority.selector);
        }
    }

    function test_GivenASignerThatIsAContract_ItsAnswerDecides() external {
        assertAccepted(_recordBy("c1", abi.encodePacked(new PlainWallet(true))));
        assertRefused(
            _recordBy("c2", abi.encodePacked(new PlainWallet(false))),
            IConsentRegistry.ConsentRegistry__BadSignature.selector
        );
    }

    function test_GivenAnErc7913Verifier_ItsAnswerDecides() external {
        assertAccepted(_recordBy("c1", abi.encodePacked(new PlainWallet(true), "key")));
        assertRefused(
            _recordBy("c2", abi.encodePacked(new PlainWallet(false), "key")),
            IConsentRegistry.ConsentRegistry__BadSignature.selector
        );
    }

    function test_WhenASignerReverts_OnlyItsActIsRefused() external {
        _assertOnlyItsActIsRefused(abi.encodePacked(new RevertingWallet()));
    }

    function test_WhenASignerBurnsItsGas_OnlyItsActIsRefused() external {
        _assertOnlyItsActIsRefused(abi.encodePacked(new BurningWallet()));
    }

    function test_WhenASignerFloodsItsCaller_OnlyItsActIsRefused() external {
        _assertOnlyItsActIsRefused(abi.encodePacked(new FloodingWallet()));
        _assertOnlyItsActIsRefused(abi.encodePacked(new FloodingWallet(), "key"));
    }

    function test_WhenThereIsTooLittleGasToAskASigner_TheTransactionReverts() external {
        bytes memory wallet = abi.encodePacked(new PlainWallet(true));
        assertAccepted(_addWallet("addition", wallet));
        ConsentAct[] memory acts = new ConsentAct[](1);
        acts[0] = carried(consentAct(CONSENT));
        acts[0].signer = wallet;
        (bool success, bytes memory data) =
            address(registry).call{gas: 900_000}(abi.encodeCall(IConsentRegistry.record, (acts)));
        vm.assertFalse(success, "a good signature must not be refused for want of gas");
        vm.assertEq(bytes32(bytes4(data)), bytes32(SignatureGate.SignatureGate__OutOfGas.selector), "says so");
    }

    function test_WhateverGasThereIs_AGoodSignatureIsNeverRefused() external {
        bytes memory wallet = abi.encodePacked(new HungryWallet());
        assertAccepted(_addWallet("addition", wallet));
        (uint256 tried, uint256 taken) = (0, 0);
        for (uint256 gas = 950_000; gas < 1_200_000; gas += 5_000) {
            ConsentAct[] memory acts = new ConsentAct[](1);
            acts[0] = carried(consentAct(bytes32(gas)));
            acts[0].signer = wallet;
            (bool success,) = address(registry).call{gas: gas}(abi.encodeCall(IConsentRegistry.record, (acts)));
            ++tried;
            if (success) ++taken;
            vm.assertEq(registry.liveConsents(PATIENT), taken, "recorded, or the transaction reverts");
        }
        vm.assertTrue(0 < taken && taken < tried, "the gas runs from too little to enough");
    }

    function test_WhenAPlainKeyDidNotSign_ItIsRefusedWithoutTheGasForAContract() external {
        Consent[] memory acts = new Consent[](1);
        acts[0] = consentAct(CONSENT);
        acts[0].signature = sign(STRANGER_KEY, address(registry), hashOf(acts[0]));
        assertRefused(sendConsents(acts, 900_000), IConsentRegistry.ConsentRegistry__BadSignature.selector);
    }

    function test_GivenAnAccountWithCode_ItsKeyStillSigns() external {
        vm.etch(vm.addr(PATIENT_KEY), hex"00"); // as EIP-7702 leaves it
        assertAccepted(record(consentAct(CONSENT)));
    }

    // ------------------------------------------------------------------ ids and versions

    function test_GivenAnIdInUse_WhenItIsGrantedAgain_ItIsRefused() external {
        assertAccepted(record(consentAct(CONSENT)));
        assertRefused(record(consentAct(CONSENT)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
    }

    function test_WhenTheIdIsZero_ItIsRefused() external {
        assertRefused(record(consentAct(0)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
    }

    function test_GivenAWithdrawnConsent_NoVersionIsAccepted() external {
        assertAccepted(record(consentAct(CONSENT)));
        assertAccepted(withdraw(withdrawalAct(CONSENT)));
        assertRefused(record(consentAct(CONSENT)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
        Consent memory act = consentAct(CONSENT);
        act.version = 2;
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__ConsentWithdrawn.selector);
    }

    function testFuzz_GivenVersionN_OnlyNPlusOneIsAccepted(uint24 version) external {
        for (uint24 i = 1; i <= 3; ++i) {
            Consent memory good = consentAct(CONSENT);
            good.version = i;
            assertAccepted(record(good));
        }
        vm.assume(version != 4 && version != 1);
        Consent memory act = consentAct(CONSENT);
        act.version = version;
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__WrongVersion.selector);
    }

    function test_WhenAnUnknownIdIsAmended_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        act.version = 2;
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__WrongVersion.selector);
    }

    function test_GivenTwoSubjects_TheIdOfOneIsFreeForTheOther() external {
        bytes32 other = keccak256("other");
        enrol(enrolmentAct(other, STRANGER_KEY));
        Consent memory act = consentAct(CONSENT);
        act.subject = other;
        act.signer = signerOf(STRANGER_KEY);
        assertAccepted(record(act, STRANGER_KEY));
        assertAccepted(record(consentAct(CONSENT)));
    }

    function test_Given64LiveConsents_OneMoreIsRefusedButAnAmendmentIsNot() external {
        for (uint256 i = 1; i <= 64; ++i) {
            assertAccepted(record(consentAct(bytes32(i))));
        }
        assertRefused(record(consentAct(CONSENT)), IConsentRegistry.ConsentRegistry__TooManyConsents.selector);
        Consent memory act = consentAct(bytes32(uint256(7)));
        act.version = 2;
        assertAccepted(record(act));
        assertAccepted(withdraw(withdrawalAct(bytes32(uint256(9)))));
        assertAccepted(record(consentAct(CONSENT)));
    }

    function test_GivenEverythingWasWithdrawn_WhenItWasIssuedBefore_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        vm.warp(NOW + 1);
        assertAccepted(withdrawAll(withdrawalOfAllAct("all")));
        act.issuedAt = NOW + 1;
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__Stopped.selector);
        act.issuedAt = NOW + 2;
        assertAccepted(record(act));
    }

    function test_WhenItWasIssuedAheadOfTheClock_ItIsRefusedBeyondTheSkew() external {
        Consent memory act = consentAct(CONSENT);
        act.issuedAt = uint40(block.timestamp + registry.MAX_SKEW() + 1);
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__IssuedAhead.selector);
        act.issuedAt -= 1;
        assertAccepted(record(act));
    }

    // ------------------------------------------------------------------ the scope

    function testFuzz_WhenAMaskHasAnUnknownBit_ItIsRefused(uint256 field, uint256 bit) external {
        Scope memory scope = anyScope();
        field %= 4;
        if (field == 0) scope.purposes = _withUnknownBit(Vocabulary.KNOWN_PURPOSES, bit);
        if (field == 1) scope.conditions = _withUnknownBit(Vocabulary.KNOWN_CONDITIONS, bit);
        if (field == 2) scope.operations = _withUnknownBit(Vocabulary.KNOWN_OPERATIONS, bit);
        if (field == 3) scope.categories = uint32(1 | (1 << (16 + (bit % 16))));
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__UnknownCode.selector);
    }

    function testFuzz_WhenEffectOrKindIsUnknown_ItIsRefused(uint8 value) external {
        vm.assume(value == 0 || value > 3);
        Scope memory scope = anyScope();
        scope.effect = value;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__UnknownCode.selector);
        scope = anyScope();
        scope.recipientKind = value;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__UnknownCode.selector);
    }

    function test_WhenASetIsEmpty_ItIsRefused() external {
        Scope memory scope = anyScope();
        scope.purposes = 0;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__EmptySet.selector);
        scope = anyScope();
        scope.operations = 0;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__EmptySet.selector);
        scope = anyScope();
        scope.categories = 0;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__EmptySet.selector);
    }

    function test_WhenNoConditionIsNamed_APermitIsAcceptedAndADenyIsNot() external {
        Scope memory scope = anyScope();
        scope.conditions = 0;
        scope.effect = Vocabulary.EFFECT_DENY;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__EmptySet.selector);
        scope.effect = Vocabulary.EFFECT_PERMIT;
        Consent memory act = consentAct(CONSENT);
        act.scope = scope;
        assertAccepted(record(act));
    }

    function testFuzz_WhenAWindowIsEmpty_ItIsRefused(uint40 from, uint40 until) external {
        vm.assume(from >= until);
        Scope memory scope = anyScope();
        (scope.validFrom, scope.validUntil) = (from, until);
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__BadWindow.selector);
        scope = anyScope();
        (scope.dataFrom, scope.dataUntil) = (from, until);
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__BadWindow.selector);
    }

    function test_WhenDiseasesAndPurposeDisagree_ItIsRefused() external {
        Scope memory scope = anyScope();
        scope.purposes = Vocabulary.PURPOSE_DS;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__BadDiseases.selector);
        scope.purposes = Vocabulary.PURPOSE_HMB;
        scope.diseases = 5;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__BadDiseases.selector);
        scope.purposes = Vocabulary.ANY16;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__BadDiseases.selector);
        scope.purposes = Vocabulary.PURPOSE_DS;
        scope.effect = Vocabulary.EFFECT_DENY;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__BadDiseases.selector);
    }

    function test_WhenTheRecipientIsUnknown_ItIsRefused() external {
        Scope memory scope = anyScope();
        scope.recipient = HOSPITAL; // with "any"
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__UnknownRecipient.selector);
        scope.recipientKind = Vocabulary.RECIPIENT_KIND_STUDY; // an institution's id
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__UnknownRecipient.selector);
        scope.recipientKind = Vocabulary.RECIPIENT_KIND_INSTITUTION;
        scope.recipient = 0;
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__UnknownRecipient.selector);
    }

    /// @dev As many institutions are never admitted; what the Directory would say of the last is put in its mouth.
    function test_WhenTheRecipientsNumberDoesNotFit_ItIsRefused() external {
        Consent memory act = consentAct(CONSENT);
        (act.scope.recipientKind, act.scope.recipient) = (Vocabulary.RECIPIENT_KIND_INSTITUTION, HOSPITAL);
        bytes memory question = abi.encodeCall(directory.institutionNumber, (HOSPITAL));
        vm.mockCall(address(directory), question, abi.encode(uint32(1 << 24)));
        assertRefused(record(act), IConsentRegistry.ConsentRegistry__UnknownRecipient.selector);
        vm.mockCall(address(directory), question, abi.encode(uint32((1 << 24) - 1)));
        assertAccepted(record(act));
    }

    function test_WhenTheTermsAreNotPublished_ItIsRefused() external {
        Scope memory scope = anyScope();
        scope.terms = keccak256("another text");
        _assertScopeRefused(scope, IConsentRegistry.ConsentRegistry__TermsNotPublished.selector);
    }

    // ------------------------------------------------------------------ capacities

    function test_GivenStaff_WhenThereIsNoForm_ItIsRefused() external {
        SignerAddition memory addition = additionAct("addition", signerOf(STRANGER_KEY));
        addition.capacity = Vocabulary.CAPACITY_STAFF;
        addition.form = keccak256("appointment");
        assertAccepted(addSigner(addition));
        Consent memory act = consentAct(CONSENT);
        act.signer = signerOf(STRANGER_KEY);
        assertRefused(record(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__FormMissing.selector);
        act.form = keccak256("paper");
        assertAccepted(record(act, STRANGER_KEY));
    }

    function testFuzz_GivenACapacity_OnlyAGuardiansOrProxysConsentIsCut(uint8 capacity, uint40 validUntil) external {
        capacity = 1 + capacity % 4;
        vm.assume(validUntil > 0);
        SignerAddition memory addition = additionAct("addition", signerOf(STRANGER_KEY));
        addition.capacity = capacity;
        addition.form = keccak256("form");
        addition.until = NOW + 100;
        assertAccepted(addSigner(addition));
        Consent memory act = consentAct(CONSENT);
        act.signer = signerOf(STRANGER_KEY);
        act.form = keccak256("form");
        act.scope.validUntil = validUntil;
        assertAccepted(record(act, STRANGER_KEY));
        (,,, uint256 rights) = abi.decode(logs[0].data, (bytes32, bytes32, bytes32, uint256));
        uint256 effective = uint40(rights >> 200);
        bool forAnother = capacity == Vocabulary.CAPACITY_GUARDIAN || capacity == Vocabulary.CAPACITY_PROXY;
        uint256 expected = forAnother && validUntil > NOW + 100 ? NOW + 100 : validUntil;
        vm.assertEq(effective, expected, "effective end");
    }

    // ------------------------------------------------------------------ batches

    function test_GivenABadActAmongGoodOnes_OnlyItIsRefused() external {
        Consent[] memory acts = new Consent[](3);
        for (uint256 i = 0; i < 3; ++i) {
            acts[i] = consentAct(bytes32(i + 1));
            if (i == 1) acts[i].scope.terms = 0;
            acts[i].signature = sign(PATIENT_KEY, address(registry), hashOf(acts[i]));
        }
        assertRefused(sendConsents(acts, gasleft()), IConsentRegistry.ConsentRegistry__TermsNotPublished.selector);
        vm.assertEq(logs.length, 3, "one event an act");
        vm.assertEq(registry.liveConsents(PATIENT), 2, "the good ones are recorded");
    }

    function test_GivenALookupThatFailed_TheNextActIsNotTakenInByIt() external {
        // The answers of the Directory are kept through a batch: a failure must not be answered by the last success.
        Consent[] memory acts = new Consent[](4);
        for (uint256 i = 0; i < 4; ++i) {
            acts[i] = consentAct(bytes32(i + 1));
            acts[i].scope.recipientKind = Vocabulary.RECIPIENT_KIND_INSTITUTION;
            acts[i].scope.recipient = i % 2 == 0 ? HOSPITAL : STUDY;
            acts[i].signature = sign(PATIENT_KEY, address(registry), hashOf(acts[i]));
        }
        assertRefused(sendConsents(acts, gasleft()), IConsentRegistry.ConsentRegistry__UnknownRecipient.selector);
        vm.assertEq(registry.liveConsents(PATIENT), 2, "only those to the hospital");
    }

    function test_GivenAnInstitution_WhenTheNextActNamesItAsAStudyOrNamesNone_ItIsRefused() external {
        uint8 institution = Vocabulary.RECIPIENT_KIND_INSTITUTION;
        uint8[4] memory kinds = [institution, Vocabulary.RECIPIENT_KIND_STUDY, institution, institution];
        bytes32[4] memory recipients = [HOSPITAL, HOSPITAL, HOSPITAL, bytes32(0)];
        Consent[] memory acts = new Consent[](4);
        for (uint256 i = 0; i < 4; ++i) {
            acts[i] = consentAct(bytes32(i + 1));
            (acts[i].scope.recipientKind, acts[i].scope.recipient) = (kinds[i], recipients[i]);
            acts[i].signature = sign(PATIENT_KEY, address(registry), hashOf(acts[i]));
        }
        assertRefused(sendConsents(acts, gasleft()), IConsentRegistry.ConsentRegistry__UnknownRecipient.selector);
        for (uint256 i = 0; i < 4; ++i) {
            vm.assertTrue(registry.isLive(PATIENT, acts[i].id) == (i % 2 == 0), "only those to the hospital");
        }
    }

    function test_GivenARunOfEqualQuestions_TheDirectoryIsAskedOnce() external {
        vm.prank(ADMIN);
        directory.publishTerms("first", 1, "en", "");
        Consent[] memory acts = new Consent[](3);
        for (uint256 i = 0; i < 3; ++i) {
            acts[i] = consentAct(bytes32(i + 1));
            (acts[i].scope.recipientKind, acts[i].scope.recipient) = (Vocabulary.RECIPIENT_KIND_STUDY, STUDY);
            acts[i].scope.terms = "first";
            acts[i].signature = sign(PATIENT_KEY, address(registry), hashOf(acts[i]));
        }
        vm.expectCall(address(directory), abi.encodeCall(directory.studyNumber, (STUDY)), 1);
        vm.expectCall(address(directory), abi.encodeCall(directory.termsVersion, ("first")), 1);
        assertAccepted(sendConsents(acts, gasleft()));
    }

    // ------------------------------------------------------------------ helpers

    function _assertScopeRefused(Scope memory scope, bytes4 reason) private {
        Consent memory act = consentAct(CONSENT);
        act.scope = scope;
        assertRefused(record(act), reason);
    }

    function _withUnknownBit(uint16 known, uint256 bit) private pure returns (uint16) {
        uint16 unknown = ~known;
        uint16 one = uint16(1 << (bit % 16));
        vm.assume(unknown & one != 0);
        return 1 | one;
    }

    function _addWallet(bytes32 id, bytes memory wallet) private returns (bytes4) {
        return addSigner(additionAct(id, wallet));
    }

    function _recordBy(bytes32 id, bytes memory wallet) private returns (bytes4) {
        assertAccepted(_addWallet(keccak256(abi.encode(id)), wallet));
        Consent memory act = consentAct(id);
        act.signer = wallet;
        return sendConsent(act);
    }

    function _assertOnlyItsActIsRefused(bytes memory wallet) private {
        uint256 before = registry.liveConsents(PATIENT);
        assertAccepted(_addWallet(keccak256(wallet), wallet));
        Consent[] memory acts = new Consent[](3);
        for (uint256 i = 0; i < 3; ++i) {
            acts[i] = consentAct(keccak256(abi.encode(wallet, i)));
            if (i == 1) acts[i].signer = wallet;
            acts[i].signature = sign(PATIENT_KEY, address(registry), hashOf(acts[i]));
        }
        assertRefused(sendConsents(acts, 6_000_000), IConsentRegistry.ConsentRegistry__BadSignature.selector);
        vm.assertEq(registry.liveConsents(PATIENT), before + 2, "the others are recorded");
    }
}
