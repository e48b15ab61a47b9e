// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {Reasons} from "../../src/libraries/Reasons.sol";
import {ConsentAct, WithdrawalOfAll} from "../../src/types/Acts.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

contract WithdrawAllTest is Ledger {
    function test_GivenThreeConsents_EachIsWithdrawnAndThenAll() external {
        for (uint256 i = 1; i <= 3; ++i) {
            record(consentAct(bytes32(i)));
        }
        WithdrawalOfAll memory act = withdrawalOfAllAct("all");
        assertAccepted(withdrawAll(act));
        vm.assertEq(logs.length, 4, "events");
        bytes32 digest = digestOf(address(registry), this.hashOf(act));
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(logs[i].topics[0], IConsentRegistry.ConsentWithdrawn.selector, "each");
            vm.assertEq(logs[i].topics[2], bytes32(i + 1), "id");
            vm.assertEq(logs[i].data, abi.encode(digest, uint24(1), uint8(1), act.signer), "data");
        }
        vm.assertEq(logs[3].topics[0], IConsentRegistry.AllWithdrawn.selector, "then all");
        vm.assertEq(logs[3].topics[2], "all", "id");
        vm.assertEq(registry.consentsOf(PATIENT).length, 0, "none left");
        assertReason(decide(anyRequest()), Reasons.NO_CONSENT);
    }

    function test_GivenNoConsent_ItStillStopsThoseUnderWay() external {
        ConsentAct memory underWay = consentAct(CONSENT);
        assertAccepted(withdrawAll(withdrawalOfAllAct("all")));
        assertRefused(record(underWay), IConsentRegistry.ConsentRegistry__Stopped.selector);
    }

    function test_GivenItWasDone_TheSubjectCanStartAgain() external {
        record(consentAct(CONSENT));
        withdrawAll(withdrawalOfAllAct("all"));
        vm.warp(NOW + 1);
        assertRefused(record(consentAct(CONSENT)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
        assertAccepted(record(consentAct("again")));
        assertReason(decide(anyRequest()), Reasons.PERMITTED);
    }

    function test_WhenItIsReplayed_ItIsRefused() external {
        WithdrawalOfAll memory act = withdrawalOfAllAct("all");
        assertAccepted(withdrawAll(act));
        vm.warp(NOW + 1);
        record(consentAct(CONSENT));
        assertRefused(withdrawAll(act), IConsentRegistry.ConsentRegistry__IdSpent.selector);
        vm.assertEq(registry.consentsOf(PATIENT).length, 1, "still there");
    }

    function test_WhenTheIdIsThatOfAConsent_ItIsRefused() external {
        record(consentAct(CONSENT));
        assertRefused(withdrawAll(withdrawalOfAllAct(CONSENT)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
        assertRefused(withdrawAll(withdrawalOfAllAct(0)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
    }

    function test_WhenTheDeadlineHasPassed_ItIsRefused() external {
        WithdrawalOfAll memory act = withdrawalOfAllAct("all");
        act.deadline = NOW - 1;
        assertRefused(withdrawAll(act), IConsentRegistry.ConsentRegistry__DeadlinePassed.selector);
    }

    function test_WhenAStrangerSigns_ItIsRefused() external {
        WithdrawalOfAll memory act = withdrawalOfAllAct("all");
        act.signer = signerOf(STRANGER_KEY);
        assertRefused(withdrawAll(act, STRANGER_KEY), IConsentRegistry.ConsentRegistry__NoAuthority.selector);
    }

    function test_GivenGrantsArePaused_ItIsAcceptedAllTheSame() external {
        vm.prank(ADMIN);
        registry.pauseGrants(true);
        assertAccepted(withdrawAll(withdrawalOfAllAct("all")));
    }

    function test_GivenTheMostConsents_ItFitsATransaction() external {
        for (uint256 i = 1; i <= registry.MAX_LIVE(); ++i) {
            record(consentAct(bytes32(i)));
        }
        WithdrawalOfAll[] memory acts = new WithdrawalOfAll[](1);
        acts[0] = withdrawalOfAllAct("all");
        acts[0].signature = sign(PATIENT_KEY, address(registry), this.hashOf(acts[0]));
        // Slots are warm here: on a chain each of the 64 costs 4,200 more. EIP-7825 allows 16,777,216.
        registry.withdrawAll{gas: 3_000_000}(acts);
        vm.assertEq(registry.consentsOf(PATIENT).length, 0, "none left");
    }
}
