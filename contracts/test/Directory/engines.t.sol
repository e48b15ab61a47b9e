// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EngineRegistration, IDirectory} from "../../src/interfaces/IDirectory.sol";
import {Ledger} from "../utils/Ledger.sol";
import {vm} from "../utils/Vm.sol";

/// @dev registerEngine, revokeEngine.
contract EnginesTest is Ledger {
    function test_GivenARegistration_ItsFactsAreKept() external view {
        (bytes32 institution, uint8 state, uint16 operations) = directory.engine(ENGINE);
        vm.assertEq(institution, HOSPITAL, "institution");
        vm.assertEq(state, 1, "state");
        vm.assertEq(operations, engineAct().operations, "operations");
    }

    function test_WhenTheFormIsWrong_ItReverts() external {
        EngineRegistration memory act = engineAct();
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__IdTaken.selector, ENGINE));
        act.id = 0;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__ZeroId.selector));
        act.id = "new";
        act.operations = 0;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__UnknownCode.selector));
        act.operations = 1 << 9;
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__UnknownCode.selector));
        act.operations = 1;
        act.signer = hex"01";
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__BadSigner.selector));
        act = engineAct();
        (act.id, act.deadline) = ("new", NOW - 1);
        _expectRefusal(act, abi.encodeWithSelector(IDirectory.Directory__DeadlinePassed.selector, NOW - 1));
    }

    function test_WhenSomebodyElseSigned_ItReverts() external {
        EngineRegistration memory act = engineAct();
        act.id = "new";
        signEngine(act, STRANGER_KEY);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.registerEngine(act);
    }

    function test_GivenARevocation_ItIsForGood() external {
        bytes memory signature = revocationSignature(ENGINE, STRANGER_KEY);
        vm.expectRevert(IDirectory.Directory__BadSignature.selector);
        directory.revokeEngine(ENGINE, signature);
        signature = revocationSignature(ENGINE, HOSPITAL_KEY);
        directory.revokeEngine(ENGINE, signature);
        (, uint8 state,) = directory.engine(ENGINE);
        vm.assertEq(state, 2, "revoked");
        vm.expectRevert(abi.encodeWithSelector(IDirectory.Directory__EngineUnknown.selector, ENGINE));
        directory.revokeEngine(ENGINE, signature);
        _expectRefusal(engineAct(), abi.encodeWithSelector(IDirectory.Directory__IdTaken.selector, ENGINE));
    }

    function _expectRefusal(EngineRegistration memory act, bytes memory error_) private {
        signEngine(act, HOSPITAL_KEY);
        vm.expectRevert(error_);
        directory.registerEngine(act);
    }
}
