// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Outcomes of a decision, and why
/// @notice The same tables as ledger/domain/decision.py; a test holds them equal. Codes are never renumbered.
library Reasons {
    uint8 internal constant OUTCOME_PERMIT = 1;
    uint8 internal constant OUTCOME_DENY = 2;

    uint8 internal constant PERMITTED = 1;
    uint8 internal constant UNKNOWN_CODE = 2;
    uint8 internal constant STUDY_UNKNOWN = 3;
    uint8 internal constant STUDY_NOT_ACTIVE = 4;
    uint8 internal constant INSTITUTION_NOT_ACTIVE = 5;
    uint8 internal constant ETHICS_EXPIRED = 6;
    uint8 internal constant ENGINE_UNKNOWN = 7;
    uint8 internal constant ENGINE_NOT_ACTIVE = 8;
    uint8 internal constant ENGINE_OF_ANOTHER_INSTITUTION = 9;
    uint8 internal constant OPERATION_NOT_REGISTERED = 10;
    uint8 internal constant SUBJECT_UNKNOWN = 11;
    uint8 internal constant DENIED_BY_SUBJECT = 12;
    uint8 internal constant RECONSENT_REQUIRED = 13;
    uint8 internal constant NOT_COVERED = 14;
    uint8 internal constant NO_CONSENT = 15;
    /// @dev Given by the service alone, while a withdrawal is on its way here.
    uint8 internal constant PENDING_WITHDRAWAL = 16;
}
