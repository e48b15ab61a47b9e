// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {Limits} from "../../src/types/ConsentWords.sol";
import {Scope} from "../../src/types/Scope.sol";
import {Consent, Ledger, limitsOf} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev What the registry keeps of a consent, bit for bit: others read it by proofs of storage
/// (ledger/chain/state_proofs.py). Written from the table in types/ConsentSlot.sol, not with what stands below it.
contract StorageTest is Ledger {
    // Where the mappings are, as artifacts/ConsentRegistry.json has it.
    uint256 private constant CONSENTS = 6;
    uint256 private constant LIMITS = 7;
    uint256 private constant SPENT = 1 << 24;
    uint256 private constant DENY = 1 << 25;
    uint256 private constant LIMITED = 1 << 26;

    function test_GivenAConsentForAnybodyAndAnyData_ItTakesOneSlot() external {
        Consent memory act = consentAct(CONSENT);
        assertAccepted(record(act));
        uint256 first = 1 | uint256(Vocabulary.RECIPIENT_KIND_ANY) << 27;
        vm.assertEq(_stored(CONSENTS, CONSENT), _word(act.scope, first), "the consent");
        vm.assertEq(_stored(LIMITS, CONSENT), 0, "and nothing beside it");
    }

    function test_GivenAConsentWithEveryField_EachStandsInItsPlace() external {
        record(consentAct("ended"));
        withdrawAll(withdrawalOfAllAct("all"));
        vm.warp(NOW + 1);
        Consent memory act = consentAct(CONSENT);
        act.scope.effect = Vocabulary.EFFECT_DENY;
        (act.scope.recipientKind, act.scope.recipient) = (Vocabulary.RECIPIENT_KIND_STUDY, STUDY);
        (act.scope.validFrom, act.scope.validUntil) = (NOW, NOW + 100);
        (act.scope.dataFrom, act.scope.dataUntil) = (10, 20);
        // Three bytes, as the largest number has.
        bytes memory question = abi.encodeCall(directory.studyNumber, (STUDY));
        vm.mockCall(address(directory), question, abi.encode(uint32(0xABCDEF)));
        assertAccepted(record(act));
        uint256 recipient = uint256(Vocabulary.RECIPIENT_KIND_STUDY) << 27 | uint256(0xABCDEF) << 29;
        uint256 epoch = uint256(1) << 53;
        vm.assertEq(_stored(CONSENTS, CONSENT), _word(act.scope, 1 | DENY | LIMITED | recipient | epoch), "the consent");
        vm.assertEq(_stored(LIMITS, CONSENT), Limits.unwrap(limitsOf(act.scope)), "its limits");

        act.version = 2;
        act.scope.effect = Vocabulary.EFFECT_PERMIT;
        (act.scope.dataFrom, act.scope.dataUntil) = (0, FOREVER);
        assertAccepted(record(act));
        vm.assertEq(_stored(CONSENTS, CONSENT), _word(act.scope, 2 | recipient | epoch), "as amended");
        vm.assertEq(_stored(LIMITS, CONSENT), 0, "the limits are given back");
    }

    function test_GivenAnIdIsSpent_OnlyItsVersionIsLeft() external {
        record(consentAct(CONSENT));
        withdraw(withdrawalAct(CONSENT));
        vm.assertEq(_stored(CONSENTS, CONSENT), 1 | SPENT, "withdrawn");
        withdrawAll(withdrawalOfAllAct("all"));
        vm.assertEq(_stored(CONSENTS, "all"), SPENT, "the id of another act");
    }

    function _stored(uint256 mapping_, bytes32 id) private view returns (uint256) {
        bytes32 ofSubject = keccak256(abi.encode(PATIENT, mapping_));
        return uint256(vm.load(address(registry), keccak256(abi.encode(id, ofSubject))));
    }

    /// @param low the bits below 64
    function _word(Scope memory scope, uint256 low) private pure returns (uint256) {
        bytes memory high = abi.encodePacked(uint32(2), scope.validUntil, scope.validFrom, scope.categories);
        return uint256(bytes32(abi.encodePacked(high, scope.operations, scope.conditions, scope.purposes, uint64(low))));
    }
}
