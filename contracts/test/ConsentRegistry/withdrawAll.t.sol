// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {Reasons} from "../../src/libraries/Reasons.sol";
import {ConsentAct, WithdrawalOfAll} from "../../src/types/Acts.sol";
import {LAST_EPOCH} from "../../src/types/ConsentSlot.sol";
import {carried, Consent, Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

contract WithdrawAllTest is Ledger {
    function test_GivenThreeConsents_OneEventEndsThemAll() external {
        for (uint256 i = 1; i <= 3; ++i) {
            record(consentAct(bytes32(i)));
        }
        WithdrawalOfAll memory act = withdrawalOfAllAct("all");
        assertAccepted(withdrawAll(act));
        vm.assertEq(logs.length, 1, "events");
        bytes32 digest = digestOf(address(registry), this.hashOf(act));
        vm.assertEq(logs[0].topics[0], IConsentRegistry.AllWithdrawn.selector, "all");
        vm.assertEq(logs[0].topics[1], PATIENT, "subject");
        vm.assertEq(logs[0].topics[2], "all", "id");
        vm.assertEq(logs[0].data, abi.encode(digest, uint8(1), act.signer), "data");
        for (uint256 i = 1; i <= 3; ++i) {
            vm.assertFalse(registry.isLive(PATIENT, bytes32(i)), "ended");
            assertRefused(
                withdraw(withdrawalAct(bytes32(i))), IConsentRegistry.ConsentRegistry__ConsentWithdrawn.selector
            );
            vm.warp(NOW + 1);
            Consent memory amendment = consentAct(bytes32(i));
            amendment.version = 2;
            assertRefused(record(amendment), IConsentRegistry.ConsentRegistry__ConsentWithdrawn.selector);
        }
        vm.assertEq(registry.liveConsents(PATIENT), 0, "none left");
        assertReason(decide(anyRequest()), Reasons.NO_CONSENT);
    }

    function test_GivenNoConsent_ItStillStopsThoseUnderWay() external {
        Consent memory underWay = consentAct(CONSENT);
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
        vm.assertEq(registry.liveConsents(PATIENT), 1, "still there");
    }

    function test_WhenTheIdIsThatOfAConsent_ItIsRefused() external {
        record(consentAct(CONSENT));
        assertRefused(withdrawAll(withdrawalOfAllAct(CONSENT)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
        assertRefused(withdrawAll(withdrawalOfAllAct(0)), IConsentRegistry.ConsentRegistry__IdSpent.selector);
    }

    function test_WhenTheDeadlineIsNow_ItIsAccepted() external {
        WithdrawalOfAll memory act = withdrawalOfAllAct("all");
        act.deadline = NOW;
        assertAccepted(withdrawAll(act));
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

    function test_GivenTheMostConsents_ItCostsTheSame() external {
        for (uint256 i = 1; i <= registry.MAX_LIVE(); ++i) {
            record(consentAct(bytes32(i)));
        }
        WithdrawalOfAll[] memory acts = new WithdrawalOfAll[](1);
        acts[0] = withdrawalOfAllAct("all");
        acts[0].signature = sign(PATIENT_KEY, address(registry), this.hashOf(acts[0]));
        registry.withdrawAll{gas: 60_000}(acts); // slots are warm here
        vm.assertEq(registry.liveConsents(PATIENT), 0, "none left");
    }

    function test_GivenTheLastEpoch_NothingMoreIsGrantedButAWithdrawalIsStillAccepted() external {
        for (uint256 i = 1; i <= 3; ++i) {
            assertAccepted(withdrawAll(withdrawalOfAllAct(bytes32(i)))); // ends nothing, so it spends no epoch
        }
        for (uint256 i = 4; i < 4 + uint256(LAST_EPOCH); ++i) {
            vm.warp(NOW + i);
            _grant(bytes32(i));
            assertAccepted(withdrawAll(withdrawalOfAllAct(keccak256(abi.encode(i)))));
        }
        vm.warp(block.timestamp + 1);
        assertRefused(record(consentAct(CONSENT)), IConsentRegistry.ConsentRegistry__Stopped.selector);
        assertAccepted(withdrawAll(withdrawalOfAllAct("all")));
        assertAccepted(withdraw(withdrawalAct(CONSENT)));
        vm.assertFalse(registry.isLive(PATIENT, bytes32(uint256(4))), "nor does the first epoch come back");
    }

    function _grant(bytes32 id) private {
        Consent memory act = consentAct(id);
        act.signature = sign(PATIENT_KEY, address(registry), hashOf(act));
        ConsentAct[] memory acts = new ConsentAct[](1);
        acts[0] = carried(act);
        registry.record(acts);
        vm.assertEq(registry.liveConsents(PATIENT), 1, "granted");
    }
}
