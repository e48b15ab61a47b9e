// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {RecoveryObjection, RecoveryProposal} from "../../src/types/Recovery.sol";
import {SignerAddition, SignerRemoval} from "../../src/types/Acts.sol";
import {Invariants} from "../utils/Invariants.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev A patient, a custodian, a stranger and an admin around the recovery of a key, in any order. Every way by which
/// a key may have come to authority is told by a model; who has authority is found out by trying to sign with each key.
contract RecoveryHandler is Ledger {
    uint256 private constant KEYS = 4;

    mapping(uint256 key => bool) private _holds; // what the model says
    uint256 private _signers;
    RecoveryProposal[] private _proposed; // all of them, as they were sent
    bytes32 private _pending;
    uint256 private _pendingKey;
    uint256 private _opensAt;
    bool private _suspended;
    uint256 private _nonce;

    function setUp() public override {
        super.setUp();
        _holds[PATIENT_KEY] = true;
        _signers = 1;
    }

    // ------------------------------------------------------------------ what people do

    function proposeNew(uint256 who, uint8 forge) external {
        uint256 key = _key(who);
        RecoveryProposal memory act = recoveryAct(_fresh(), signerOf(key));
        signRecovery(act, forge % 4 == 0 ? _key(forge >> 2) : HOSPITAL_KEY);
        bool expected = forge % 4 != 0 && !_suspended;
        try registry.proposeRecovery(act) {
            vm.assertTrue(expected, "only the custodian proposes");
            _proposed.push(act);
            (_pending, _pendingKey) = (act.recovery.id, key);
            _opensAt = block.timestamp + RECOVERY_DELAY;
        } catch {
            vm.assertFalse(expected, "the custodian can propose");
        }
    }

    function object(uint256 who, uint8 chance) external {
        if (chance % 3 != 0) return;
        uint256 key = _key(who);
        RecoveryObjection memory act = objectionAct(_pending, key);
        bool expected = _pending != 0 && _holds[key]; // suspended or paused or not
        try registry.objectToRecovery(act) {
            vm.assertTrue(expected, "only a signer objects, and only to what is pending");
            _pending = 0;
        } catch {
            vm.assertFalse(expected, "nothing stops an objection");
        }
    }

    /// @dev Any proposal there ever was, at any time.
    function complete(uint256 which) external {
        if (_proposed.length == 0) return;
        RecoveryProposal memory act = _proposed[which % 3 == 0 ? which % _proposed.length : _proposed.length - 1];
        bool expected = act.recovery.id == _pending && _pending != 0 && block.timestamp >= _opensAt && !_suspended
            && !_holds[_pendingKey];
        vm.prank(which % 2 == 0 ? ADMIN : address(this));
        try registry.completeRecovery(act.recovery) {
            vm.assertTrue(expected, "only what stood unobjected for the whole delay");
            _holds[_pendingKey] = true;
            ++_signers;
            _pending = 0;
        } catch {
            vm.assertFalse(expected, "what stood unobjected can be completed");
        }
    }

    function remove(uint256 who, uint256 whom) external {
        uint256 key = _key(who);
        uint256 old = _key(whom);
        SignerRemoval memory act = removalAct(_fresh(), signerOf(old));
        act.signer = signerOf(key);
        bool expected = _holds[key] && _holds[old] && _signers > 1;
        vm.assertTrue((removeSigner(act, key) == 0) == expected, "removal");
        if (!expected) return;
        _holds[old] = false;
        --_signers;
    }

    function add(uint256 who, uint256 whom, uint8 chance) external {
        if (chance % 8 != 0) return;
        uint256 key = _key(who);
        uint256 fresh = _key(whom);
        SignerAddition memory act = additionAct(_fresh(), signerOf(fresh));
        act.signer = signerOf(key);
        bool expected = _holds[key] && !_holds[fresh];
        vm.assertTrue((addSigner(act, key) == 0) == expected, "addition");
        if (!expected) return;
        _holds[fresh] = true;
        ++_signers;
    }

    function suspend(uint8 chance) external {
        bool suspended = chance % 4 == 0;
        if (suspended == _suspended) return;
        vm.prank(ADMIN);
        directory.setInstitutionState(HOSPITAL, suspended ? 2 : 1);
        _suspended = suspended;
    }

    function wait_(uint8 half) external {
        vm.warp(block.timestamp + (half % 3) * (RECOVERY_DELAY / 2));
    }

    // ------------------------------------------------------------------ what the invariants ask

    /// @dev Each key signs an act that is bad for another reason; whether it got that far is compared with the model.
    function differences() external returns (uint256 count) {
        for (uint256 who = 0; who < KEYS; ++who) {
            uint256 key = _key(who);
            bytes4 reason = _try(key);
            bool none = reason == IConsentRegistry.ConsentRegistry__NoAuthority.selector;
            if (none == _holds[key]) ++count;
        }
    }

    function _try(uint256 key) private returns (bytes4) {
        SignerRemoval memory act = removalAct(_fresh(), hex"00"); // nobody's key: only the signer is put to the test
        act.signer = signerOf(key);
        return removeSigner(act, key);
    }

    // ------------------------------------------------------------------ helpers

    function _key(uint256 who) private pure returns (uint256) {
        uint256[4] memory keys = [PATIENT_KEY, uint256(0x3001), uint256(0x3002), STRANGER_KEY];
        return keys[who % KEYS];
    }

    function _fresh() private returns (bytes32) {
        return keccak256(abi.encode("fresh", ++_nonce));
    }
}

contract RecoveryInvariants is Invariants {
    function setUp() external {
        RecoveryHandler handler_ = new RecoveryHandler();
        handler_.setUp();
        handler = address(handler_);
    }

    function selectors() internal pure override returns (bytes4[] memory list) {
        list = new bytes4[](7);
        list[0] = RecoveryHandler.proposeNew.selector;
        list[1] = RecoveryHandler.object.selector;
        list[2] = RecoveryHandler.complete.selector;
        list[3] = RecoveryHandler.remove.selector;
        list[4] = RecoveryHandler.add.selector;
        list[5] = RecoveryHandler.suspend.selector;
        list[6] = RecoveryHandler.wait_.selector;
    }

    /// @dev No key has authority but by a signature of one that has, the enrolment, or a recovery that stood unobjected
    /// for the whole delay.
    function invariant_NoKeyComesToAuthorityByAnotherWay() external {
        vm.assertEq(RecoveryHandler(handler).differences(), 0, "keys whose authority is not that of the model");
    }
}
