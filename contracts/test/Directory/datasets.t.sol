// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDirectory} from "../../src/interfaces/IDirectory.sol";
import {
    DatasetAmendment,
    DatasetFacts,
    DatasetRegistration,
    IDatasetRegistry
} from "../../src/interfaces/IDatasetRegistry.sol";
import {Documents} from "../../src/libraries/Documents.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev registerDataset, amendDataset, closeDataset.
contract DatasetsTest is Ledger {
    bytes32 private constant DATASET = keccak256("dataset");
    bytes private constant TERMS_OF_USE = '{"permission":"HMB"}';

    // ------------------------------------------------------------------ registerDataset

    function test_GivenARegistration_ItsHashIsKept_AndItsTermsAreInTheEvent() external {
        vm.recordLogs();
        DatasetRegistration memory act = _register();
        DatasetFacts memory facts = directory.dataset(DATASET);
        vm.assertEq(facts.custodian, HOSPITAL, "custodian");
        vm.assertEq(uint256(facts.version), 1, "version");
        vm.assertEq(uint256(facts.state), 1, "state");
        vm.assertEq(facts.terms, sha256(TERMS_OF_USE), "terms");
        logs = vm.getRecordedLogs();
        vm.assertEq(logs[0].topics[1], DATASET, "id");
        vm.assertEq(logs[0].topics[2], HOSPITAL, "custodian");
        vm.assertEq(logs[0].data, abi.encode(_digest(act), TERMS_OF_USE), "data");
    }

    function test_WhenTheFormIsWrong_ItReverts() external {
        DatasetRegistration memory act = _registration();
        act.id = 0;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__ZeroId.selector));
        act = _registration();
        act.deadline = NOW - 1;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__DeadlinePassed.selector, NOW - 1));
        act = _registration();
        act.terms = new bytes(Documents.MAX_LENGTH + 1);
        _expectRefusal(
            act,
            abi.encodeWithSelector(
                Documents.Documents__TooLong.selector, Documents.MAX_LENGTH + 1, Documents.MAX_LENGTH
            )
        );
        act = _registration();
        act.custodian = "nobody";
        _expectRefusal(
            act, abi.encodeWithSelector(IDirectory.Directory__InstitutionUnknown.selector, bytes32("nobody"))
        );
    }

    function test_GivenADataset_WhenItsIdIsRegisteredAgain_ItReverts() external {
        DatasetRegistration memory act = _register();
        bytes memory taken = abi.encodeWithSelector(IDirectory.Directory__IdTaken.selector, DATASET);
        _expectRefusal(act, taken);
        _close(HOSPITAL_KEY);
        _expectRefusal(act, taken);
    }

    function testFuzz_WhenASignedFieldWasChanged_ItReverts(uint256 field, bytes32 value) external {
        DatasetRegistration memory act = _registration();
        _sign(act, HOSPITAL_KEY);
        vm.assume(value != 0 && value != DATASET);
        if (field % 3 == 0) act.id = value;
        if (field % 3 == 1) act.terms = abi.encode(value);
        if (field % 3 == 2) act.deadline = NOW + 2 days;
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.registerDataset(act);
    }

    function test_WhenSomebodyElseSigned_ItReverts() external {
        DatasetRegistration memory act = _registration();
        _sign(act, STRANGER_KEY);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.registerDataset(act);
    }

    // ------------------------------------------------------------------ amendDataset

    function test_GivenAnAmendment_TheVersionGoesUpByOne() external {
        _register();
        DatasetAmendment memory act = _amendment(2);
        _sign(act, HOSPITAL_KEY);
        directory.amendDataset(act);
        DatasetFacts memory facts = directory.dataset(DATASET);
        vm.assertEq(uint256(facts.version), 2, "version");
        vm.assertEq(facts.terms, sha256(act.terms), "terms");
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry__WrongVersion.selector, uint32(2), uint32(2))
        );
        directory.amendDataset(act);
    }

    function test_WhenAnAmendmentIsUnfit_ItReverts() external {
        DatasetAmendment memory act = _amendment(2);
        _sign(act, HOSPITAL_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry__Unknown.selector, DATASET));
        directory.amendDataset(act);
        _register();
        act = _amendment(3);
        _sign(act, HOSPITAL_KEY);
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry__WrongVersion.selector, uint32(3), uint32(1))
        );
        directory.amendDataset(act);
        act = _amendment(2);
        _sign(act, STRANGER_KEY);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.amendDataset(act);
        act.deadline = NOW - 1;
        _sign(act, HOSPITAL_KEY);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__DeadlinePassed.selector, NOW - 1));
        directory.amendDataset(act);
    }

    function test_GivenTheCustodianIsSuspended_ItCanCloseItsDatasetButNotChangeIt() external {
        _register();
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, 2);
        bytes memory refused = abi.encodeWithSelector(IDirectory.Directory__InstitutionNotActive.selector, HOSPITAL);
        DatasetAmendment memory act = _amendment(2);
        _sign(act, HOSPITAL_KEY);
        vm.expectRevert(refused);
        directory.amendDataset(act);
        DatasetRegistration memory other = _registration();
        other.id = "other";
        _expectRefusal(other, refused);
        _close(HOSPITAL_KEY);
    }

    // ------------------------------------------------------------------ closeDataset

    function test_GivenAClosure_ItIsForGood() external {
        _register();
        bytes memory signature = _closure(STRANGER_KEY);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.closeDataset(DATASET, signature);
        _close(HOSPITAL_KEY);
        vm.assertEq(uint256(directory.dataset(DATASET).state), 2, "closed");
        bytes memory unknown = abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry__Unknown.selector, DATASET);
        signature = _closure(HOSPITAL_KEY);
        vm.expectRevert(unknown);
        directory.closeDataset(DATASET, signature);
        DatasetAmendment memory act = _amendment(2);
        _sign(act, HOSPITAL_KEY);
        vm.expectRevert(unknown);
        directory.amendDataset(act);
    }

    // ------------------------------------------------------------------ helpers

    function _registration() private pure returns (DatasetRegistration memory act) {
        act.id = DATASET;
        act.custodian = HOSPITAL;
        act.terms = TERMS_OF_USE;
        act.deadline = NOW + 1 days;
    }

    function _amendment(uint32 version) private pure returns (DatasetAmendment memory act) {
        act.id = DATASET;
        act.version = version;
        act.terms = '{"permission":"NRES"}';
        act.deadline = NOW + 1 days;
    }

    function _register() private returns (DatasetRegistration memory act) {
        act = _registration();
        _sign(act, HOSPITAL_KEY);
        directory.registerDataset(act);
    }

    function _closure(uint256 key) private view returns (bytes memory) {
        return sign(key, address(directory), keccak256(abi.encode(keccak256("DatasetClosure(bytes32 id)"), DATASET)));
    }

    function _close(uint256 key) private {
        directory.closeDataset(DATASET, _closure(key));
    }

    function _hash(DatasetRegistration memory act) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("DatasetRegistration(bytes32 id,bytes32 custodian,bytes terms,uint40 deadline)");
        return keccak256(abi.encode(typeHash, act.id, act.custodian, keccak256(act.terms), act.deadline));
    }

    function _digest(DatasetRegistration memory act) private view returns (bytes32) {
        return digestOf(address(directory), _hash(act));
    }

    function _sign(DatasetRegistration memory act, uint256 key) private view {
        act.signature = sign(key, address(directory), _hash(act));
    }

    function _sign(DatasetAmendment memory act, uint256 key) private view {
        bytes32 typeHash = keccak256("DatasetAmendment(bytes32 id,uint32 version,bytes terms,uint40 deadline)");
        bytes32 hash = keccak256(abi.encode(typeHash, act.id, act.version, keccak256(act.terms), act.deadline));
        act.signature = sign(key, address(directory), hash);
    }

    function _expectRefusal(DatasetRegistration memory act, bytes memory error_) private {
        _sign(act, HOSPITAL_KEY);
        vm.expectRevert(error_);
        directory.registerDataset(act);
    }
}
