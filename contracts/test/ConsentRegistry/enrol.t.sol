// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {Enrolment} from "../../src/types/Acts.sol";
import {PlainWallet} from "../mocks/Wallets.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

contract EnrolTest is Ledger {
    bytes32 private constant NEW = keccak256("new");

    function test_GivenASoundAct_ItEmits() external {
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        assertAccepted(enrol(act));
        vm.assertEq(logs[0].topics[1], NEW, "subject");
        vm.assertEq(logs[0].topics[2], HOSPITAL, "custodian");
        bytes memory expected = abi.encode(
            digestOf(address(registry), this.hashOf(act)), act.firstSigner, act.capacity, act.from, act.until, act.form
        );
        vm.assertEq(logs[0].data, expected, "data");
    }

    function test_WhenTheSubjectIsKnown_ItIsRefused() external {
        assertRefused(
            enrol(enrolmentAct(PATIENT, STRANGER_KEY)), IConsentRegistry.ConsentRegistry__SubjectKnown.selector
        );
    }

    function test_WhenTheDeadlineHasPassed_ItIsRefused() external {
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.deadline = NOW - 1;
        assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__DeadlinePassed.selector);
    }

    function test_WhenTheDeadlineIsNow_ItIsAccepted() external {
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.deadline = NOW;
        assertAccepted(enrol(act));
    }

    function test_GivenTheCustodiansAccountHasCode_ItsKeyStillSigns() external {
        vm.etch(vm.addr(HOSPITAL_KEY), hex"00"); // as EIP-7702 leaves it
        assertAccepted(enrol(enrolmentAct(NEW, STRANGER_KEY)));
    }

    function test_WhenTheCustodianIsUnknownOrSuspended_ItIsRefused() external {
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.custodian = STUDY;
        assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__CustodianNotActive.selector);
        act.custodian = HOSPITAL;
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__CustodianNotActive.selector);
    }

    function test_WhenSomebodyElseSigned_ItIsRefused() external {
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.signature = sign(STRANGER_KEY, address(registry), this.hashOf(act));
        assertRefused(sendEnrolment(act), IConsentRegistry.ConsentRegistry__BadSignature.selector);
    }

    function test_WhenTheSignerIsMalformed_ItIsRefused() external {
        bytes[5] memory malformed = [
            bytes(""),
            hex"01020304050607080910111213141516171819", // 19 bytes
            abi.encodePacked(address(0)),
            abi.encodePacked(vm.addr(STRANGER_KEY), "key"), // a verifier without code
            abi.encodePacked(new PlainWallet(true), new bytes(1005)) // 1025 bytes
        ];
        for (uint256 i = 0; i < malformed.length; ++i) {
            Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
            act.firstSigner = malformed[i];
            assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__BadSigner.selector);
        }
    }

    function test_GivenALongestSigner_ItIsAccepted() external {
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.firstSigner = abi.encodePacked(new PlainWallet(true), new bytes(1004)); // 1024 bytes
        assertAccepted(enrol(act));
    }

    /// @dev The identity precompile echoes its input, which begins with what ERC-7913 takes for "valid".
    function test_WhenTheVerifierIsThePrecompileThatSaysYesToAll_ItIsRefused() external {
        bytes memory signer = abi.encodePacked(address(4), "key");
        vm.assertTrue(registry.isSignedBy(signer, keccak256("anything"), ""), "it does say yes");
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.firstSigner = signer;
        assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__BadSigner.selector);
    }

    function testFuzz_WhenTheCapacityIsUnknown_ItIsRefused(uint8 capacity) external {
        vm.assume(capacity == 0 || capacity > 4);
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.capacity = capacity;
        assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__BadSigner.selector);
    }

    function testFuzz_WhenTheWindowIsEmpty_ItIsRefused(uint40 from, uint40 until) external {
        vm.assume(from >= until);
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        (act.from, act.until) = (from, until);
        assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__BadSigner.selector);
    }

    function test_GivenStaff_WhenThereIsNoForm_ItIsRefused() external {
        Enrolment memory act = enrolmentAct(NEW, STRANGER_KEY);
        act.capacity = Vocabulary.CAPACITY_STAFF;
        assertRefused(enrol(act), IConsentRegistry.ConsentRegistry__FormMissing.selector);
        act.form = keccak256("paper");
        assertAccepted(enrol(act));
    }
}
