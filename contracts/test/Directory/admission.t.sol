// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Directory} from "../../src/Directory.sol";
import {IDirectory} from "../../src/interfaces/IDirectory.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev admitInstitution, setInstitutionState, nameReviewer, publishTerms.
contract AdmissionTest is Ledger {
    function test_WhenAnybodyButTheAdminCalls_ItReverts() external {
        vm.expectRevert();
        directory.admitInstitution("id", "name", signerOf(STRANGER_KEY));
        vm.expectRevert();
        directory.setInstitutionState(HOSPITAL, 2);
        vm.expectRevert();
        directory.nameReviewer("id", "name", signerOf(STRANGER_KEY), true);
        vm.expectRevert();
        directory.publishTerms("hash", 1, "en", "");
    }

    function test_GivenAnAdmission_ItIsNumberedAndActive() external {
        vm.prank(ADMIN);
        vm.expectEmit();
        emit IDirectory.InstitutionAdmitted("id", 2, "name", signerOf(STRANGER_KEY));
        directory.admitInstitution("id", "name", signerOf(STRANGER_KEY));
        (uint32 number, uint8 state, bytes memory signer) = directory.institution("id");
        vm.assertEq(number, 2, "number");
        vm.assertEq(state, 1, "state");
        vm.assertEq(signer, signerOf(STRANGER_KEY), "signer");
    }

    function test_WhenTheIdIsTakenOrZero_ItReverts() external {
        vm.prank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__IdTaken.selector, HOSPITAL));
        directory.admitInstitution(HOSPITAL, "again", signerOf(STRANGER_KEY));
        vm.prank(ADMIN);
        vm.expectRevert(IDirectory.Directory__ZeroId.selector);
        directory.admitInstitution(0, "zero", signerOf(STRANGER_KEY));
    }

    function test_WhenTheSignerIsMalformed_ItReverts() external {
        vm.prank(ADMIN);
        vm.expectRevert(IDirectory.Directory__BadSigner.selector);
        directory.admitInstitution("id", "name", hex"01");
        vm.prank(ADMIN);
        vm.expectRevert(IDirectory.Directory__BadSigner.selector);
        directory.nameReviewer("id", "name", abi.encodePacked(address(4), "key"), true);
    }

    function testFuzz_WhenTheStateIsNotTheOther_ItReverts(uint8 state) external {
        vm.assume(state != 2);
        vm.prank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__BadTransition.selector, uint8(1), state));
        directory.setInstitutionState(HOSPITAL, state);
    }

    function test_WhenTheInstitutionIsUnknown_ItReverts() external {
        vm.prank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__InstitutionUnknown.selector, bytes32("id")));
        directory.setInstitutionState("id", 2);
    }

    function test_GivenATextWasPublished_ItsVersionNeverChanges() external {
        vm.assertEq(directory.termsVersion(TERMS), 2, "version");
        vm.prank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__TermsKnown.selector, TERMS));
        directory.publishTerms(TERMS, 3, "en", "");
        vm.prank(ADMIN);
        vm.expectRevert(IDirectory.Directory__ZeroVersion.selector);
        directory.publishTerms("hash", 0, "en", "");
    }

    function test_WhenNoApprovalWouldBeRequired_ItIsNotDeployed() external {
        vm.expectRevert(IDirectory.Directory__ZeroApprovals.selector);
        new Directory(manager, 0);
    }
}
