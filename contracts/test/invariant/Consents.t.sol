// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {SignerAddition, SignerRemoval, Withdrawal, WithdrawalOfAll} from "../../src/types/Acts.sol";
import {Rights} from "../../src/types/ConsentWords.sol";
import {Invariants} from "../utils/Invariants.sol";
import {Consent, Ledger} from "../utils/Ledger.sol";
import {vm, Vm} from "../utils/Vm.sol";

/// @dev A patient, a guardian whose authority is a window, a stranger and an admin, doing anything in any order. What
/// should happen is told by a model of the rules; what did happen is told by the events alone.
contract ConsentHandler is Ledger {
    uint256 private constant IDS = 3;
    uint256 private constant GUARDIAN_KEY = 0x2003;

    struct Model {
        uint24 version;
        bool spent;
    }

    mapping(bytes32 id => Model) private _expected;
    mapping(bytes32 id => Model) private _seen; // from the events alone
    bytes32[] private _ids;
    Consent[] private _sent;
    uint40 private _stoppedAt;
    uint40 private _guardianFrom;
    uint40 private _guardianUntil; // zero where the guardian is not a signer
    uint256 private _nonce;
    bool private _paused;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < IDS; ++i) {
            _ids.push(keccak256(abi.encode("id", i)));
        }
    }

    // ------------------------------------------------------------------ what people do

    /// @dev Several at a time: a consent must live through many acts for its versions to be put to the test.
    function grantOrAmend(uint256 seed) external {
        for (uint256 i = 0; i < 4; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _grantOrAmend(seed >> 64, seed >> 32, uint8(seed >> 8), uint8(seed));
        }
    }

    function _grantOrAmend(uint256 who, uint256 which, uint8 ahead, uint8 forge) private {
        Consent memory act = consentAct(_id(which));
        Model storage model = _expected[act.id];
        act.version = ahead % 4 == 3 ? 1 : model.version + ahead % 4; // mostly at or beside the one that is due
        uint256 key = _key(who);
        act.signer = signerOf(key);
        uint256 signing = forge % 8 == 0 ? STRANGER_KEY : key;
        bool inOrder = act.version == 1
            ? model.version == 0 && !model.spent
            : act.version == model.version + 1 && model.version > 0 && !model.spent;
        bool expected = !_paused && _holds(key) && signing == key && inOrder && act.issuedAt > _stoppedAt;
        bool accepted = record(act, signing) == 0;
        vm.assertTrue(accepted == expected, "grant or amendment");
        _watch();
        if (accepted) {
            model.version = act.version;
            _sent.push(act);
        }
    }

    /// @dev Carries an act to the chain again, long after.
    function replay(uint256 which) external {
        if (_sent.length == 0) return;
        vm.assertTrue(sendConsent(_sent[which % _sent.length]) != 0, "an act works once");
        _watch();
    }

    function withdrawOne(uint256 who, uint256 which, uint8 forge) external {
        Withdrawal memory act = withdrawalAct(_id(which));
        uint256 key = _key(who);
        act.signer = signerOf(key);
        uint256 signing = forge % 8 == 0 ? STRANGER_KEY : key;
        Model storage model = _expected[act.id];
        bool expected = _holds(key) && signing == key && !model.spent; // paused or not
        bool accepted = withdraw(act, signing) == 0;
        vm.assertTrue(accepted == expected, "withdrawal");
        _watch();
        if (accepted) model.spent = true;
    }

    function withdrawEverything(uint256 who, uint8 chance) external {
        if (chance % 8 != 0) return;
        WithdrawalOfAll memory act = withdrawalOfAllAct(keccak256(abi.encode("fresh", ++_nonce)));
        uint256 key = _key(who);
        act.signer = signerOf(key);
        bool accepted = withdrawAll(act, key) == 0;
        vm.assertTrue(accepted == _holds(key), "withdrawal of all");
        _watch();
        if (!accepted) return;
        _stoppedAt = uint40(block.timestamp);
        for (uint256 i = 0; i < IDS; ++i) {
            Model storage model = _expected[_ids[i]];
            if (model.version != 0) model.spent = true;
        }
    }

    function addGuardian(uint256 who, uint16 from, uint16 length) external {
        SignerAddition memory act = additionAct(keccak256(abi.encode("fresh", ++_nonce)), signerOf(GUARDIAN_KEY));
        uint256 key = _key(who);
        act.signer = signerOf(key);
        act.capacity = Vocabulary.CAPACITY_GUARDIAN;
        act.from = uint40(block.timestamp) + from % 100;
        act.until = act.from + length % 100;
        bool expected = _holds(key) && _guardianUntil == 0 && act.from < act.until;
        bool accepted = addSigner(act, key) == 0;
        vm.assertTrue(accepted == expected, "addition");
        if (accepted) (_guardianFrom, _guardianUntil) = (act.from, act.until);
    }

    function removeGuardian(uint256 who) external {
        SignerRemoval memory act = removalAct(keccak256(abi.encode("fresh", ++_nonce)), signerOf(GUARDIAN_KEY));
        uint256 key = _key(who);
        act.signer = signerOf(key);
        bool accepted = removeSigner(act, key) == 0;
        vm.assertTrue(accepted == (_holds(key) && _guardianUntil != 0), "removal");
        if (accepted) (_guardianFrom, _guardianUntil) = (0, 0);
    }

    function wait_(uint16 time) external {
        vm.warp(block.timestamp + time % 60);
    }

    // ------------------------------------------------------------------ what the admin does

    function pause(uint8 chance) external {
        bool paused = chance % 4 == 0;
        vm.prank(ADMIN);
        try registry.pauseGrants(paused) {
            vm.assertTrue(paused != _paused, "it changed");
            _paused = paused;
        } catch {
            vm.assertTrue(paused == _paused, "it would not have changed");
        }
    }

    /// @dev The admin sends acts that the admin signed, or nobody.
    function adminTries(uint256 which, uint256 choice) external {
        bytes32 id = _id(which);
        vm.prank(ADMIN);
        if (choice % 3 == 0) {
            Withdrawal memory act = withdrawalAct(id);
            act.signer = abi.encodePacked(ADMIN);
            vm.assertTrue(withdraw(act, STRANGER_KEY) != 0, "no withdrawal by the admin");
        } else if (choice % 3 == 1) {
            vm.assertTrue(sendConsent(consentAct(id)) != 0, "no consent without a signature");
        } else {
            WithdrawalOfAll memory act = withdrawalOfAllAct(keccak256(abi.encode("fresh", ++_nonce)));
            act.signer = abi.encodePacked(ADMIN);
            vm.assertTrue(withdrawAll(act, STRANGER_KEY) != 0, "no withdrawal by the admin");
        }
    }

    // ------------------------------------------------------------------ what the invariants ask

    function ids() external view returns (bytes32[] memory) {
        return _ids;
    }

    function expectedOf(bytes32 id) external view returns (uint24, bool) {
        return (_expected[id].version, _expected[id].spent);
    }

    function seenOf(bytes32 id) external view returns (uint24, bool) {
        return (_seen[id].version, _seen[id].spent);
    }

    function listed() external view returns (bytes32[] memory) {
        return liveOf(PATIENT);
    }

    // ------------------------------------------------------------------ helpers

    function _id(uint256 which) private view returns (bytes32) {
        return _ids[which % IDS];
    }

    function _key(uint256 who) private pure returns (uint256) {
        uint256[4] memory keys = [PATIENT_KEY, PATIENT_KEY, GUARDIAN_KEY, STRANGER_KEY];
        return keys[who % 4];
    }

    function _holds(uint256 key) private view returns (bool) {
        if (key == PATIENT_KEY) return true;
        return key == GUARDIAN_KEY && _guardianFrom <= block.timestamp && block.timestamp < _guardianUntil;
    }

    /// @dev Reads the events of the last act, as a mirror would.
    function _watch() private {
        for (uint256 i = 0; i < logs.length; ++i) {
            Vm.Log storage log = logs[i];
            if (log.topics[0] == IConsentRegistry.ConsentRecorded.selector) {
                (,,, Rights rights) = abi.decode(log.data, (bytes32, bytes32, bytes32, Rights));
                uint24 version = rights.version();
                Model storage model = _seen[log.topics[2]];
                vm.assertFalse(model.spent, "withdrawn is terminal");
                vm.assertEq(version, uint256(model.version) + 1, "versions go up by one");
                model.version = version;
            } else if (log.topics[0] == IConsentRegistry.ConsentWithdrawn.selector) {
                (, uint24 version) = abi.decode(log.data, (bytes32, uint24));
                Model storage model = _seen[log.topics[2]];
                vm.assertFalse(model.spent, "an id is spent once");
                vm.assertEq(version, model.version, "the version that stood");
                model.spent = true;
            } else if (log.topics[0] == IConsentRegistry.AllWithdrawn.selector) {
                for (uint256 j = 0; j < IDS; ++j) {
                    if (_seen[_ids[j]].version != 0) _seen[_ids[j]].spent = true;
                }
            }
        }
    }
}

contract ConsentInvariants is Invariants {
    function setUp() external {
        ConsentHandler handler_ = new ConsentHandler();
        handler_.setUp();
        handler = address(handler_);
    }

    function selectors() internal pure override returns (bytes4[] memory list) {
        list = new bytes4[](9);
        list[0] = ConsentHandler.grantOrAmend.selector;
        list[1] = ConsentHandler.replay.selector;
        list[2] = ConsentHandler.withdrawOne.selector;
        list[3] = ConsentHandler.withdrawEverything.selector;
        list[4] = ConsentHandler.addGuardian.selector;
        list[5] = ConsentHandler.removeGuardian.selector;
        list[6] = ConsentHandler.wait_.selector;
        list[7] = ConsentHandler.pause.selector;
        list[8] = ConsentHandler.adminTries.selector;
    }

    /// @dev The model accepts exactly what the contract does (asserted at each act), and ends alike.
    function invariant_Rules1236_TheConsentsAreThoseOfTheModel() external view {
        bytes32[] memory ids = ConsentHandler(handler).ids();
        uint256 live = 0;
        for (uint256 i = 0; i < ids.length; ++i) {
            (uint24 version, bool spent) = ConsentHandler(handler).expectedOf(ids[i]);
            if (version != 0 && !spent) ++live;
        }
        vm.assertEq(ConsentHandler(handler).listed().length, live, "live consents");
    }

    /// @dev Whoever follows the events knows what storage holds.
    function invariant_Rule8_TheEventsTellWhatStorageHolds() external view {
        bytes32[] memory ids = ConsentHandler(handler).ids();
        bytes32[] memory listed = ConsentHandler(handler).listed();
        uint256 live = 0;
        for (uint256 i = 0; i < ids.length; ++i) {
            (uint24 version, bool spent) = ConsentHandler(handler).seenOf(ids[i]);
            bool expected = version != 0 && !spent;
            if (expected) ++live;
            bool found = false;
            for (uint256 j = 0; j < listed.length; ++j) {
                if (listed[j] == ids[i]) found = true;
            }
            vm.assertTrue(found == expected, "listed if live");
        }
        vm.assertEq(listed.length, live, "and nothing else");
    }
}
