// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {StudyFacts} from "../../src/interfaces/IDirectory.sol";
import {ConsistencyProof} from "../../src/libraries/ConsistencyProof.sol";
import {DecisionRule} from "../../src/libraries/DecisionRule.sol";
import {ScopeRules} from "../../src/libraries/ScopeRules.sol";
import {Authority} from "../../src/types/Authority.sol";
import {ConsentFacts} from "../../src/types/ConsentSlot.sol";
import {Request, Verdict} from "../../src/types/Decision.sol";
import {Scope} from "../../src/types/Scope.sol";

/// @title The pure rules, callable with any values, so that they can be held against their twins in Python
contract Rules {
    function decide(
        bytes32[] calldata ids,
        ConsentFacts[] calldata consents,
        StudyFacts calldata study,
        uint32 institution,
        Request calldata request,
        uint40 instant
    ) external pure returns (Verdict memory verdict) {
        DecisionRule.Question memory question = DecisionRule.Question(study, institution, instant);
        verdict = DecisionRule.unheard(question);
        for (uint256 i = 0; i < ids.length; ++i) {
            DecisionRule.hear(verdict, ids[i], consents[i], question, request);
        }
    }

    function refusal(uint8 reason) external pure returns (Verdict memory) {
        return DecisionRule.refusal(reason);
    }

    function isSound(Request calldata request) external pure returns (bool) {
        return DecisionRule.isSound(request);
    }

    function faultOf(Scope calldata scope) external pure returns (bytes4) {
        return ScopeRules.faultOf(scope);
    }

    function authority(Authority memory held, uint256 instant, uint40 validUntil)
        external
        pure
        returns (bool exists, bool holds, bool mayChangeSigners, uint40 end)
    {
        return (held.exists(), held.holds(instant), held.mayChangeSigners(), held.cut(validUntil));
    }

    function verify(uint64 first, bytes32 firstRoot, uint64 second, bytes32 secondRoot, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return ConsistencyProof.verify(first, firstRoot, second, secondRoot, proof);
    }
}
