// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {Reasons} from "../../src/libraries/Reasons.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {SignerAddition, Withdrawal} from "../../src/types/Acts.sol";
import {Consent, Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

contract WithdrawTest is Ledger {
    function test_GivenALiveConsent_ItEndsAtOnce() external {
        assertAccepted(record(consentAct(CONSENT)));
        assertReason(decide(anyRequest()), Reasons.PERMITTED);
        Withdrawal memory act = withdrawalAct(CONSENT);
        assertAccepted(withdraw(act));
        assertReason(decide(anyRequest()), Reasons.NO_CONSENT);
        vm.assertEq(registry.liveConsents(PATIENT), 0, "none is live");
        bytes memory expected =
            abi.encode(digestOf(address(registry), this.hashOf(act)), uint24(1), Vocabulary.CAPACITY_SELF, act.signer);
        vm.assertEq(logs[0].data, expected, "data");
    }

    function test_GivenALaterVersion_TheEventNamesIt() external {
        for (uint24 i = 1; i <= 3; ++i) {
            Consent memory act = consentAct(CONSENT);
            act.version = i;
            record(act);
        }
        assertAccepted(withdraw(withdrawalAct(CONSENT)));
        (, uint24 version,,) = abi.decode(logs[0].data, (bytes32, uint24, uint8, bytes));
        vm.assertEq(version, 3, "version");
    }

    function test_GivenGrantsArePaused_ItIsAcceptedAllTheSame() external {
        record(consentAct(CONSENT));
        vm.prank(ADMIN);
        registry.pauseGrants(true);
        assertAccepted(withdraw(withdrawalAct(CONSENT)));
    }

    function test_GivenTheInstitutionIsSuspended_ItIsAcceptedAllTheSame() external {
        record(consentAct(CONSENT));
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        assertAccepted(withdraw(withdrawalAct(CONSENT)));
    }

    function testFuzz_ItNeverGoesStale(uint40 later) external {
        record(consentAct(CONSENT));
        Withdrawal memory act = withdrawalAct(CONSENT);
        vm.assume(later < FOREVER);
        vm.warp(later);
        assertAccepted(withdraw(act));
    }

    function test_GivenAnIdNeverGranted_ItIsSpentWithVersionZero() external {
        assertAccepted(withdraw(withdrawalAct(CONSENT)));
        (, uint24 version,,) = abi.decode(logs[0].data, (bytes32, uint24, uint8, bytes));
        vm.assertEq(version, 0, "version");
        assertRefused(record(consentAct(CONSENT)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
    }

    function test_WhenItIsRepeated_ItIsRefused() external {
        record(consentAct(CONSENT));
        assertAccepted(withdraw(withdrawalAct(CONSENT)));
        assertRefused(withdraw(withdrawalAct(CONSENT)), IConsentRegistry.ConsentRegistry__ConsentWithdrawn.selector);
        assertRefused(withdraw(withdrawalAct(0)), IConsentRegistry.ConsentRegistry__ConsentWithdrawn.selector);
    }

    function test_WhenTheSubjectIsUnknown_ItIsRefused() external {
        Withdrawal memory act = withdrawalAct(CONSENT);
        act.subject = keccak256("nobody");
        assertRefused(withdraw(act), IConsentRegistry.ConsentRegistry__SubjectUnknown.selector);
    }

    function test_WhenAStrangerSigns_ItIsRefused() external {
        record(consentAct(CONSENT));
        Withdrawal memory act = withdrawalAct(CONSENT);
        assertRefused(withdraw(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__BadSignature.selector);
        act.signer = signerOf(STRANGER_KEY);
        assertRefused(withdraw(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
        act.signer = abi.encodePacked(ADMIN);
        assertRefused(withdraw(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__BadSignature.selector);
    }

    function test_GivenSomeSignersConsent_AnotherSignerInAuthorityCanWithdrawIt() external {
        record(consentAct(CONSENT));
        SignerAddition memory addition = additionAct("addition", signerOf(STRANGER_KEY));
        addition.capacity = Vocabulary.CAPACITY_STAFF;
        addition.form = keccak256("appointment");
        addSigner(addition);
        Withdrawal memory act = withdrawalAct(CONSENT);
        act.signer = signerOf(STRANGER_KEY);
        assertAccepted(withdraw(act, STRANGER_KEY));
    }

    /// @dev Withdrawing one of n consents leaves exactly the others live.
    function testFuzz_GivenSeveralConsents_TheOthersStayLive(uint8 count, uint8 which) external {
        count = 1 + count % 6;
        which = which % count;
        for (uint256 i = 0; i < count; ++i) {
            record(consentAct(bytes32(i + 1)));
        }
        assertAccepted(withdraw(withdrawalAct(bytes32(uint256(which) + 1))));
        bytes32[] memory left = liveOf(PATIENT);
        vm.assertEq(left.length, uint256(count) - 1, "one less");
        uint256 sum = uint256(which) + 1;
        for (uint256 i = 0; i < left.length; ++i) {
            sum += uint256(left[i]);
        }
        vm.assertEq(sum, uint256(count) * (uint256(count) + 1) / 2, "the others");
        record(consentAct(CONSENT));
        vm.assertEq(registry.liveConsents(PATIENT), count, "and the count goes on");
    }
}
