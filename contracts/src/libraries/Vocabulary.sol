// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The vocabulary of consent, as masks
/// @notice The same bits as ledger/domain/vocabulary.py, which gives each its standard term and its plain words; a
/// test holds the two equal. A bit, once published, never changes its meaning.
library Vocabulary {
    uint16 internal constant ANY16 = 0xFFFF;
    uint32 internal constant ANY32 = 0xFFFF_FFFF;
    /// @dev The end of an unbounded window: the largest uint40 of seconds.
    uint40 internal constant FOREVER = 0xFF_FFFF_FFFF;

    uint8 internal constant EFFECT_PERMIT = 1;
    uint8 internal constant EFFECT_DENY = 2;

    uint8 internal constant RECIPIENT_KIND_ANY = 1;
    uint8 internal constant RECIPIENT_KIND_INSTITUTION = 2;
    uint8 internal constant RECIPIENT_KIND_STUDY = 3;

    uint8 internal constant CAPACITY_SELF = 1;
    uint8 internal constant CAPACITY_GUARDIAN = 2;
    uint8 internal constant CAPACITY_PROXY = 3;
    uint8 internal constant CAPACITY_STAFF = 4;

    uint16 internal constant PURPOSE_NRES = 1 << 0;
    uint16 internal constant PURPOSE_GRU = 1 << 1;
    uint16 internal constant PURPOSE_HMB = 1 << 2;
    uint16 internal constant PURPOSE_DS = 1 << 3;
    uint16 internal constant PURPOSE_POA = 1 << 4;
    uint16 internal constant PURPOSE_METHODS = 1 << 5;
    uint16 internal constant PURPOSE_CLINICAL_CARE = 1 << 6;
    uint16 internal constant KNOWN_PURPOSES = (1 << 7) - 1;

    uint8 internal constant USE_GENERAL = 1 << 0;
    uint8 internal constant USE_BIOMEDICAL = 1 << 1;
    uint8 internal constant USE_DISEASE = 1 << 2;
    uint8 internal constant USE_ANCESTRY = 1 << 3;
    uint8 internal constant USE_METHODS = 1 << 4;
    uint8 internal constant USE_CLINICAL_CARE = 1 << 5;
    uint8 internal constant KNOWN_USES = (1 << 6) - 1;

    uint16 internal constant CONDITION_COMMERCIAL_USE = 1 << 0;
    uint16 internal constant CONDITION_FOR_PROFIT_RECIPIENT = 1 << 1;
    uint16 internal constant CONDITION_TRANSFER_ABROAD = 1 << 2;
    uint16 internal constant CONDITION_RECONTACT = 1 << 3;
    uint16 internal constant CONDITION_EARLY_PUBLICATION = 1 << 4;
    uint16 internal constant CONDITION_FURTHER_SHARING = 1 << 5;
    uint16 internal constant CONDITION_LINKAGE = 1 << 6;
    uint16 internal constant CONDITION_AUTOMATED_DECISIONS = 1 << 7;
    uint16 internal constant KNOWN_CONDITIONS = (1 << 8) - 1;

    uint32 internal constant CATEGORY_DEMOGRAPHICS = 1 << 0;
    uint32 internal constant CATEGORY_DIAGNOSES = 1 << 1;
    uint32 internal constant CATEGORY_MEDICATIONS = 1 << 2;
    uint32 internal constant CATEGORY_LABORATORY = 1 << 3;
    uint32 internal constant CATEGORY_VITALS = 1 << 4;
    uint32 internal constant CATEGORY_PROCEDURES = 1 << 5;
    uint32 internal constant CATEGORY_IMAGING = 1 << 6;
    uint32 internal constant CATEGORY_GENOMICS = 1 << 7;
    uint32 internal constant CATEGORY_MENTAL_HEALTH = 1 << 8;
    uint32 internal constant CATEGORY_REPRODUCTIVE_HEALTH = 1 << 9;
    uint32 internal constant CATEGORY_SUBSTANCE_USE = 1 << 10;
    uint32 internal constant CATEGORY_NOTES = 1 << 11;
    uint32 internal constant CATEGORY_DEVICES = 1 << 12;
    uint32 internal constant CATEGORY_OUTCOMES = 1 << 13;
    uint32 internal constant CATEGORY_FAMILY_HISTORY = 1 << 14;
    uint32 internal constant CATEGORY_SOCIAL_HISTORY = 1 << 15;
    uint32 internal constant KNOWN_CATEGORIES = (1 << 16) - 1;

    uint16 internal constant OPERATION_FEDERATED_LEARNING = 1 << 0;
    uint16 internal constant OPERATION_MULTI_PARTY_COMPUTATION = 1 << 1;
    uint16 internal constant OPERATION_HOMOMORPHIC_ENCRYPTION = 1 << 2;
    uint16 internal constant OPERATION_DIFFERENTIAL_PRIVACY = 1 << 3;
    uint16 internal constant OPERATION_SYNTHETIC_DATA = 1 << 4;
    uint16 internal constant OPERATION_DEIDENTIFIED_RELEASE = 1 << 5;
    uint16 internal constant OPERATION_AGGREGATE_STATISTICS = 1 << 6;
    uint16 internal constant OPERATION_RISK_ASSESSMENT = 1 << 7;
    uint16 internal constant OPERATION_RECORD_ACCESS = 1 << 8;
    uint16 internal constant KNOWN_OPERATIONS = (1 << 9) - 1;

    /// @dev Sixteen bits for each use, in the order of the uses' bits: the purposes that contain the use wholly.
    uint96 internal constant ACCEPTS = (uint96(PURPOSE_NRES | PURPOSE_GRU) << (16 * 0)) // general
        | (uint96(PURPOSE_NRES | PURPOSE_GRU | PURPOSE_HMB) << (16 * 1)) // biomedical
        | (uint96(PURPOSE_NRES | PURPOSE_GRU | PURPOSE_HMB) << (16 * 2)) // disease
        | (uint96(PURPOSE_NRES | PURPOSE_GRU | PURPOSE_POA) << (16 * 3)) // ancestry
        | (uint96(PURPOSE_NRES | PURPOSE_METHODS) << (16 * 4)) // methods
        | (uint96(PURPOSE_NRES | PURPOSE_CLINICAL_CARE) << (16 * 5)); // clinical care

    /// @dev Sixteen bits for each use, in the order of the uses' bits: the purposes that touch the use at all.
    uint96 internal constant TOUCHES = (uint96(PURPOSE_NRES | PURPOSE_GRU | PURPOSE_HMB | PURPOSE_POA) << (16 * 0)) // general
        | (uint96(PURPOSE_NRES | PURPOSE_GRU | PURPOSE_HMB) << (16 * 1)) // biomedical
        | (uint96(PURPOSE_NRES | PURPOSE_GRU | PURPOSE_HMB) << (16 * 2)) // disease
        | (uint96(PURPOSE_NRES | PURPOSE_GRU | PURPOSE_POA) << (16 * 3)) // ancestry
        | (uint96(PURPOSE_NRES | PURPOSE_METHODS) << (16 * 4)) // methods
        | (uint96(PURPOSE_NRES | PURPOSE_CLINICAL_CARE) << (16 * 5)); // clinical care

    /// @notice Whether `mask` is an explicit "any" or holds only bits that have a meaning.
    function isKnown16(uint16 mask, uint16 known) internal pure returns (bool) {
        return mask == ANY16 || mask & ~known == 0;
    }

    /// @notice Whether `mask` is an explicit "any" or holds only bits that have a meaning.
    function isKnown32(uint32 mask, uint32 known) internal pure returns (bool) {
        return mask == ANY32 || mask & ~known == 0;
    }

    /// @notice Whether `mask` is exactly one bit of the vocabulary of operations.
    function isOneOperation(uint16 mask) internal pure returns (bool) {
        return mask != 0 && mask & (mask - 1) == 0 && mask & ~KNOWN_OPERATIONS == 0;
    }
}
