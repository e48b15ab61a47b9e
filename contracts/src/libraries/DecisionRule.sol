// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {StudyFacts} from "../interfaces/IDirectory.sol";
import {ConsentFacts} from "../types/ConsentSlot.sol";
import {Request} from "../types/Decision.sol";
import {Vocabulary} from "./Vocabulary.sol";

/// @title When a consent speaks about a request
/// @notice The same two predicates as ledger/domain/policy.py. A permit must contain the whole request; a deny need
/// only touch it.
library DecisionRule {
    /// @dev Bits of one use in Vocabulary.ACCEPTS and Vocabulary.TOUCHES.
    uint256 private constant LANE = 16;
    uint256 private constant DISEASE_SIZE = 32;

    /// @notice Whether the request itself is sound: one known operation, known categories, a window.
    function isSound(Request calldata request) internal pure returns (bool) {
        return Vocabulary.isOneOperation(request.operation) && request.categories != 0
            && request.categories & ~Vocabulary.KNOWN_CATEGORIES == 0 && request.dataFrom < request.dataUntil;
    }

    /// @notice Whether a permit covers the whole of `request`.
    /// @param institution the Directory's number of the study's institution
    function covers(
        ConsentFacts memory consent,
        StudyFacts memory study,
        uint32 institution,
        Request calldata request
    ) internal pure returns (bool) {
        return _names(consent, study, institution) && study.conditions & ~consent.conditions == 0
            && request.categories & ~consent.categories == 0 && request.operation & consent.operations != 0
            && consent.dataFrom <= request.dataFrom && request.dataUntil <= consent.dataUntil
            && _acceptsUses(consent, study);
    }

    /// @notice Whether a deny touches any part of `request`.
    /// @param institution the Directory's number of the study's institution
    function touches(
        ConsentFacts memory consent,
        StudyFacts memory study,
        uint32 institution,
        Request calldata request
    ) internal pure returns (bool) {
        return _names(consent, study, institution)
            && (consent.conditions == Vocabulary.ANY16 || study.conditions & consent.conditions != 0)
            && request.categories & consent.categories != 0 && request.operation & consent.operations != 0
            && consent.dataFrom < request.dataUntil && request.dataFrom < consent.dataUntil
            && _touchesUses(consent.purposes, study.uses);
    }

    function _names(ConsentFacts memory consent, StudyFacts memory study, uint32 institution)
        private
        pure
        returns (bool)
    {
        if (consent.recipientKind == Vocabulary.RECIPIENT_KIND_ANY) return true;
        if (consent.recipientKind == Vocabulary.RECIPIENT_KIND_INSTITUTION) return consent.recipient == institution;
        return consent.recipientKind == Vocabulary.RECIPIENT_KIND_STUDY && consent.recipient == study.number;
    }

    /// @dev Every use of the study must be accepted.
    function _acceptsUses(ConsentFacts memory consent, StudyFacts memory study) private pure returns (bool) {
        for (uint256 use = 0; study.uses >> use != 0; ++use) {
            if ((study.uses >> use) & 1 == 0) continue;
            if ((Vocabulary.ACCEPTS >> (LANE * use)) & consent.purposes & Vocabulary.ANY16 != 0) continue;
            if (1 << use != Vocabulary.USE_DISEASE || !_namesDiseases(consent, study.diseases)) return false;
        }
        return true;
    }

    /// @dev One use of the study is enough.
    function _touchesUses(uint16 purposes, uint8 uses) private pure returns (bool) {
        for (uint256 use = 0; uses >> use != 0; ++use) {
            if ((uses >> use) & 1 == 0) continue;
            if ((Vocabulary.TOUCHES >> (LANE * use)) & purposes & Vocabulary.ANY16 != 0) return true;
        }
        return false;
    }

    /// @dev Whether each disease of the study, or an ancestor of it, is among those of the consent.
    function _namesDiseases(ConsentFacts memory consent, uint32[][] memory closures) private pure returns (bool) {
        if (consent.purposes & Vocabulary.PURPOSE_DS == 0 || closures.length == 0) return false;
        for (uint256 i = 0; i < closures.length; ++i) {
            if (!_meets(consent.diseases, closures[i])) return false;
        }
        return true;
    }

    function _meets(uint160 diseases, uint32[] memory closure) private pure returns (bool) {
        for (uint256 i = 0; i < closure.length; ++i) {
            for (uint256 left = diseases; left != 0; left >>= DISEASE_SIZE) {
                if (uint32(left) != 0 && uint32(left) == closure[i]) return true;
            }
        }
        return false;
    }
}
