// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsentAct, Enrolment, SignerAddition, SignerRemoval, Withdrawal, WithdrawalOfAll} from "../types/Acts.sol";
import {Scope} from "../types/Scope.sol";

/// @title The EIP-712 struct hashes of the registry's signed acts
/// @dev https://eips.ethereum.org/EIPS/eip-712
library ActHashes {
    bytes32 internal constant ENROLMENT_TYPEHASH = keccak256(
        "Enrolment(bytes32 subject,bytes32 custodian,bytes firstSigner,uint8 capacity,uint40 from,uint40 until,"
        "bytes32 form,uint40 deadline)"
    );
    bytes32 internal constant SCOPE_TYPEHASH = keccak256(
        "Scope(uint8 effect,uint8 recipientKind,bytes32 recipient,uint16 purposes,uint16 conditions,"
        "uint16 operations,uint32 categories,uint40 validFrom,uint40 validUntil,uint40 dataFrom,uint40 dataUntil,"
        "uint160 diseases,bytes32 terms)"
    );
    bytes32 internal constant CONSENT_TYPEHASH = keccak256(
        "Consent(bytes32 subject,bytes32 id,uint24 version,Scope scope,bytes32 form,uint40 issuedAt,uint40 deadline)"
        "Scope(uint8 effect,uint8 recipientKind,bytes32 recipient,uint16 purposes,uint16 conditions,"
        "uint16 operations,uint32 categories,uint40 validFrom,uint40 validUntil,uint40 dataFrom,uint40 dataUntil,"
        "uint160 diseases,bytes32 terms)"
    );
    bytes32 internal constant WITHDRAWAL_TYPEHASH = keccak256("Withdrawal(bytes32 subject,bytes32 id)");
    bytes32 internal constant WITHDRAWAL_OF_ALL_TYPEHASH =
        keccak256("WithdrawalOfAll(bytes32 subject,bytes32 id,uint40 deadline)");
    bytes32 internal constant SIGNER_ADDITION_TYPEHASH = keccak256(
        "SignerAddition(bytes32 subject,bytes32 id,bytes newSigner,uint8 capacity,uint40 from,uint40 until,"
        "bytes32 form,uint40 deadline)"
    );
    bytes32 internal constant SIGNER_REMOVAL_TYPEHASH =
        keccak256("SignerRemoval(bytes32 subject,bytes32 id,bytes oldSigner,uint40 deadline)");

    function hash(Enrolment calldata act) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ENROLMENT_TYPEHASH,
                act.subject,
                act.custodian,
                keccak256(act.firstSigner),
                act.capacity,
                act.from,
                act.until,
                act.form,
                act.deadline
            )
        );
    }

    /// @param scope that of the act, unpacked
    function hash(ConsentAct calldata act, Scope memory scope) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                CONSENT_TYPEHASH,
                act.subject,
                act.id,
                act.rights.version(),
                _hash(scope),
                act.form,
                act.rights.issuedAt(),
                act.deadline
            )
        );
    }

    function hash(Withdrawal calldata act) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAWAL_TYPEHASH, act.subject, act.id));
    }

    function hash(WithdrawalOfAll calldata act) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAWAL_OF_ALL_TYPEHASH, act.subject, act.id, act.deadline));
    }

    function hash(SignerAddition calldata act) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                SIGNER_ADDITION_TYPEHASH,
                act.subject,
                act.id,
                keccak256(act.newSigner),
                act.capacity,
                act.from,
                act.until,
                act.form,
                act.deadline
            )
        );
    }

    function hash(SignerRemoval calldata act) internal pure returns (bytes32) {
        return
            keccak256(abi.encode(SIGNER_REMOVAL_TYPEHASH, act.subject, act.id, keccak256(act.oldSigner), act.deadline));
    }

    /// @dev A struct of value types lies in memory as EIP-712 encodes it, one word a field, and only the type hash is
    /// missing before it. It stands there for the moment of hashing, so that thirteen words need not be copied.
    function _hash(Scope memory scope) private pure returns (bytes32 result) {
        bytes32 typeHash = SCOPE_TYPEHASH;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let start := sub(scope, 0x20)
            let before := mload(start)
            mstore(start, typeHash)
            result := keccak256(start, 0x1c0) // fourteen words
            mstore(start, before)
        }
    }
}
