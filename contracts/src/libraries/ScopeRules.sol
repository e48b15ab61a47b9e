// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {Scope} from "../types/Scope.sol";
import {Vocabulary} from "./Vocabulary.sol";

/// @title What a scope must be like to be recorded
/// @notice The same checks as ledger.domain.consent.Scope.check; whether recipient and terms exist is for the
/// Directory to say.
library ScopeRules {
    /// @notice The selector of the error for which `scope` must be refused; 0 for a sound scope.
    function faultOf(Scope memory scope) internal pure returns (bytes4) {
        bool deny = scope.effect == Vocabulary.EFFECT_DENY;
        if (!_isKnown(scope)) return IConsentRegistry.ConsentRegistry__UnknownCode.selector;
        // A permit that tolerates no condition has a meaning; a deny that names none could never match.
        if (scope.purposes == 0 || scope.operations == 0 || scope.categories == 0 || (deny && scope.conditions == 0)) {
            return IConsentRegistry.ConsentRegistry__EmptySet.selector;
        }
        if (scope.validFrom >= scope.validUntil || scope.dataFrom >= scope.dataUntil) {
            return IConsentRegistry.ConsentRegistry__BadWindow.selector;
        }
        bool byDisease = scope.purposes != Vocabulary.ANY16 && scope.purposes & Vocabulary.PURPOSE_DS != 0;
        if (byDisease != (scope.diseases != 0) || (deny && byDisease)) {
            return IConsentRegistry.ConsentRegistry__BadDiseases.selector;
        }
        return 0;
    }

    function _isKnown(Scope memory scope) private pure returns (bool) {
        return (scope.effect == Vocabulary.EFFECT_PERMIT || scope.effect == Vocabulary.EFFECT_DENY)
            && scope.recipientKind >= Vocabulary.RECIPIENT_KIND_ANY
            && scope.recipientKind <= Vocabulary.RECIPIENT_KIND_STUDY
            && Vocabulary.isKnown16(scope.purposes, Vocabulary.KNOWN_PURPOSES)
            && Vocabulary.isKnown16(scope.conditions, Vocabulary.KNOWN_CONDITIONS)
            && Vocabulary.isKnown16(scope.operations, Vocabulary.KNOWN_OPERATIONS)
            && Vocabulary.isKnown32(scope.categories, Vocabulary.KNOWN_CATEGORIES);
    }
}
