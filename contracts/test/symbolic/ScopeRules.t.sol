// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ScopeRules} from "../../src/libraries/ScopeRules.sol";
import {Scope} from "../../src/types/Scope.sol";

/// @title What can be recorded, symbolically: no scope with a value outside the vocabulary
/// @notice So that no consent in storage holds a code that `decide` would have to skip.
contract ScopeRulesSymbolic {
    function check_NothingUnknownIsRecorded(Scope memory scope) external pure {
        if (ScopeRules.faultOf(scope) != 0) return;
        assert(scope.effect == 1 || scope.effect == 2);
        assert(scope.recipientKind == 1 || scope.recipientKind == 2 || scope.recipientKind == 3);
        assert(scope.purposes == type(uint16).max || (scope.purposes > 0 && scope.purposes < 1 << 7));
        assert(scope.conditions == type(uint16).max || scope.conditions < 1 << 8);
        assert(scope.operations == type(uint16).max || (scope.operations > 0 && scope.operations < 1 << 9));
        assert(scope.categories == type(uint32).max || (scope.categories > 0 && scope.categories < 1 << 16));
        assert(scope.validFrom < scope.validUntil && scope.dataFrom < scope.dataUntil);
        bool byDisease = scope.purposes != type(uint16).max && scope.purposes & 8 != 0;
        assert(byDisease == (scope.diseases != 0));
        assert(scope.effect == 1 || (scope.diseases == 0 && scope.conditions != 0));
    }

    /// @dev And nothing is refused beyond that: a patient's sound wish is never turned away for its form.
    function check_WhatIsKnownIsRecorded(Scope memory scope) external pure {
        if (scope.effect == 0 || scope.effect > 2 || scope.recipientKind == 0 || scope.recipientKind > 3) return;
        if (_unknown(scope.purposes, 7, type(uint16).max) || scope.purposes == 0) return;
        if (_unknown(scope.conditions, 8, type(uint16).max)) return;
        if (_unknown(scope.operations, 9, type(uint16).max) || scope.operations == 0) return;
        if (_unknown(scope.categories, 16, type(uint32).max) || scope.categories == 0) return;
        if (scope.validFrom >= scope.validUntil || scope.dataFrom >= scope.dataUntil) return;
        bool byDisease = scope.purposes != type(uint16).max && scope.purposes & 8 != 0;
        if (byDisease != (scope.diseases != 0)) return;
        if (scope.effect == 2 && (scope.diseases != 0 || scope.conditions == 0)) return;
        assert(ScopeRules.faultOf(scope) == 0);
    }

    function _unknown(uint256 mask, uint256 bits, uint256 everything) private pure returns (bool) {
        return mask != everything && mask >> bits != 0;
    }
}
