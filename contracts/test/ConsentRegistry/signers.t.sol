// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {SignerAddition, SignerRemoval} from "../../src/types/Acts.sol";
import {Consent, Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev addSigners and removeSigners.
contract SignersTest is Ledger {
    // ------------------------------------------------------------------ addSigners

    function test_GivenASoundAddition_TheNewSignerActs() external {
        SignerAddition memory act = additionAct("addition", signerOf(STRANGER_KEY));
        assertAccepted(addSigner(act));
        bytes memory expected = abi.encode(
            digestOf(address(registry), this.hashOf(act)),
            act.newSigner,
            act.capacity,
            act.from,
            act.until,
            act.form,
            act.signer
        );
        vm.assertEq(logs[0].data, expected, "data");
        Consent memory consent = consentAct(CONSENT);
        consent.signer = signerOf(STRANGER_KEY);
        assertAccepted(record(consent, STRANGER_KEY));
    }

    function test_WhenTheSignerIsKnown_ItIsRefused() external {
        assertRefused(
            addSigner(additionAct("addition", signerOf(PATIENT_KEY))),
            IConsentRegistry.ConsentRegistry__SignerKnown.selector
        );
    }

    function test_WhenTheIdIsSpent_ItIsRefused() external {
        record(consentAct(CONSENT));
        assertRefused(
            addSigner(additionAct(CONSENT, signerOf(STRANGER_KEY))), IConsentRegistry.ConsentRegistry__IdSpent.selector
        );
    }

    function test_GivenTheSignerWasRemoved_WhenTheAdditionIsReplayed_ItIsRefused() external {
        SignerAddition memory act = additionAct("addition", signerOf(STRANGER_KEY));
        assertAccepted(addSigner(act));
        assertAccepted(removeSigner(removalAct("removal", signerOf(STRANGER_KEY))));
        assertRefused(addSigner(act), IConsentRegistry.ConsentRegistry__IdSpent.selector);
    }

    function test_GivenAGuardian_WhenMoreIsGivenThanTheGuardianHas_ItIsRefused() external {
        SignerAddition memory guardian = additionAct("guardian", signerOf(STRANGER_KEY));
        guardian.capacity = Vocabulary.CAPACITY_GUARDIAN;
        (guardian.from, guardian.until) = (NOW - 10, NOW + 10);
        assertAccepted(addSigner(guardian));
        SignerAddition memory act = additionAct("second key", signerOf(ENGINE_KEY));
        act.signer = signerOf(STRANGER_KEY);
        for (uint8 capacity = Vocabulary.CAPACITY_SELF; capacity <= Vocabulary.CAPACITY_STAFF; ++capacity) {
            (act.capacity, act.form) = (capacity, keccak256("form"));
            (act.from, act.until) = (NOW - 10, NOW + 11);
            assertRefused(addSigner(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
            (act.from, act.until) = (NOW - 11, NOW + 10);
            assertRefused(addSigner(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
        }
        (act.from, act.until) = (NOW - 10, NOW + 10);
        assertAccepted(addSigner(act, STRANGER_KEY));
    }

    function test_WhenStaffWouldAddOrRemoveASigner_ItIsRefused() external {
        SignerAddition memory staff = additionAct("addition", signerOf(STRANGER_KEY));
        staff.capacity = Vocabulary.CAPACITY_STAFF;
        assertRefused(addSigner(staff), IConsentRegistry.ConsentRegistry__FormMissing.selector);
        staff.form = keccak256("appointment");
        assertAccepted(addSigner(staff));
        SignerAddition memory act = additionAct("2", signerOf(ENGINE_KEY));
        act.signer = signerOf(STRANGER_KEY);
        assertRefused(addSigner(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
        SignerRemoval memory removal = removalAct("3", signerOf(PATIENT_KEY));
        removal.signer = signerOf(STRANGER_KEY);
        assertRefused(removeSigner(removal, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
    }

    function test_WhenAnActIsLateOrBadlySigned_ItIsRefused() external {
        SignerAddition memory act = additionAct("addition", signerOf(STRANGER_KEY));
        assertRefused(addSigner(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__BadSignature.selector);
        act.deadline = NOW - 1;
        assertRefused(addSigner(act), IConsentRegistry.ConsentRegistry__DeadlinePassed.selector);
        SignerRemoval memory removal = removalAct("removal", signerOf(PATIENT_KEY));
        assertRefused(removeSigner(removal, STRANGER_KEY), IConsentRegistry.ConsentRegistry__BadSignature.selector);
        removal.deadline = NOW - 1;
        assertRefused(removeSigner(removal), IConsentRegistry.ConsentRegistry__DeadlinePassed.selector);
    }

    function test_WhenTheDeadlineIsNow_AnActIsAccepted() external {
        SignerAddition memory addition = additionAct("addition", signerOf(STRANGER_KEY));
        addition.deadline = NOW;
        assertAccepted(addSigner(addition));
        SignerRemoval memory removal = removalAct("removal", signerOf(STRANGER_KEY));
        removal.deadline = NOW;
        assertAccepted(removeSigner(removal));
    }

    // ------------------------------------------------------------------ removeSigners

    function test_GivenASignerWasRemoved_ItsAuthorityIsOver() external {
        addSigner(additionAct("addition", signerOf(STRANGER_KEY)));
        SignerRemoval memory act = removalAct("removal", signerOf(STRANGER_KEY));
        assertAccepted(removeSigner(act));
        bytes memory expected = abi.encode(digestOf(address(registry), this.hashOf(act)), act.oldSigner, act.signer);
        vm.assertEq(logs[0].data, expected, "data");
        Consent memory consent = consentAct(CONSENT);
        consent.signer = signerOf(STRANGER_KEY);
        assertRefused(record(consent, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
    }

    function test_GivenASignerWasRemoved_TheIdIsSpent() external {
        addSigner(additionAct("addition", signerOf(STRANGER_KEY)));
        assertAccepted(removeSigner(removalAct("removal", signerOf(STRANGER_KEY))));
        assertRefused(record(consentAct("removal")), IConsentRegistry.ConsentRegistry__IdSpent.selector);
    }

    function test_GivenASignerWasRemoved_ItCanBeAddedAgain() external {
        addSigner(additionAct("addition", signerOf(STRANGER_KEY)));
        removeSigner(removalAct("removal", signerOf(STRANGER_KEY)));
        assertAccepted(addSigner(additionAct("again", signerOf(STRANGER_KEY))));
    }

    function test_WhenTheIdOfARemovalIsNotFresh_ItIsRefused() external {
        addSigner(additionAct("addition", signerOf(STRANGER_KEY)));
        assertAccepted(record(consentAct(CONSENT)));
        bytes32[3] memory used = [bytes32("addition"), CONSENT, 0]; // an act's, a live consent's, nobody's
        for (uint256 i = 0; i < used.length; ++i) {
            assertRefused(
                removeSigner(removalAct(used[i], signerOf(STRANGER_KEY))),
                IConsentRegistry.ConsentRegistry__IdSpent.selector
            );
        }
        vm.assertTrue(registry.isLive(PATIENT, CONSENT), "the consent stands");
    }

    function test_WhenTheSignerIsUnknown_ItIsRefused() external {
        assertRefused(
            removeSigner(removalAct("removal", signerOf(STRANGER_KEY))),
            IConsentRegistry.ConsentRegistry__SignerUnknown.selector
        );
    }

    function test_WhenItIsTheLastSigner_ItIsRefused() external {
        assertRefused(
            removeSigner(removalAct("removal", signerOf(PATIENT_KEY))),
            IConsentRegistry.ConsentRegistry__LastSigner.selector
        );
    }

    function test_GivenARefusedAct_ItsIdIsNotSpent() external {
        removeSigner(removalAct(CONSENT, signerOf(PATIENT_KEY)));
        assertAccepted(record(consentAct(CONSENT)));
    }

    // ------------------------------------------------------------------ pauseGrants

    function test_WhenAnybodyButTheAdminPauses_ItReverts() external {
        vm.expectRevert();
        registry.pauseGrants(true);
        vm.assertFalse(registry.paused(), "not paused");
    }
}
