// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IDirectory} from "../interfaces/IDirectory.sol";
import {ActHashes} from "../libraries/ActHashes.sol";
import {SignatureGate} from "../libraries/SignatureGate.sol";
import {Signers} from "../libraries/Signers.sol";
import {Vocabulary} from "../libraries/Vocabulary.sol";
import {Enrolment, SignerAddition, SignerRemoval} from "../types/Acts.sol";
import {Authority, Subject} from "../types/Authority.sol";

/// @title The part of the registry that knows subjects, and who may act for them
/// @notice See {IConsentRegistry}.
/// @dev Every act goes the same way: digest, check, store, emit. A check that fails gives the selector of its error,
/// and nothing was stored until the last one has passed.
abstract contract SubjectRegistry is IConsentRegistry, EIP712 {
    using ActHashes for *;

    bytes4 internal constant ACCEPTED = 0;
    uint8 internal constant INSTITUTION_ACTIVE = 1;

    IDirectory internal immutable _DIRECTORY;

    mapping(bytes32 subject => Subject) internal _subjects;
    mapping(bytes32 subject => mapping(bytes32 signerHash => Authority)) private _authorities;

    /// @param directory_ where institutions, studies, engines and texts are registered
    constructor(IDirectory directory_) {
        _DIRECTORY = directory_;
    }

    /// @inheritdoc IConsentRegistry
    function enrol(Enrolment[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _enrol(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function addSigners(SignerAddition[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _addSigner(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function removeSigners(SignerRemoval[] calldata acts) external {
        for (uint256 i = 0; i < acts.length; ++i) {
            bytes32 digest = _hashTypedDataV4(acts[i].hash());
            bytes4 reason = _removeSigner(acts[i], digest);
            if (reason != ACCEPTED) emit ActRefused(digest, i, reason);
        }
    }

    /// @inheritdoc IConsentRegistry
    function directory() external view returns (address) {
        return address(_DIRECTORY);
    }

    /// @inheritdoc IConsentRegistry
    function isSignedBy(bytes calldata signer, bytes32 digest, bytes calldata signature) external view returns (bool) {
        return SignatureChecker.isValidSignatureNow(signer, digest, signature);
    }

    /// @dev The authority under which `signer` signed `digest`, or the reason why there is none.
    function _authorize(
        bytes32 subject,
        Subject memory held,
        bytes calldata signer,
        bytes32 digest,
        bytes calldata signature
    ) internal view returns (Authority memory authority, bytes4 reason) {
        if (!held.isEnrolled()) return (authority, ConsentRegistry__SubjectUnknown.selector);
        if (!SignatureGate.isSigned(signer, digest, signature)) {
            return (authority, ConsentRegistry__BadSignature.selector);
        }
        authority = _authorities[subject][keccak256(signer)];
        if (!authority.holds(block.timestamp)) reason = ConsentRegistry__NoAuthority.selector;
    }

    /// @dev Gives a new signer of `subject` its authority. `by` is the signer who asked for it.
    function _give(
        bytes32 subject,
        bytes32 digest,
        bytes calldata signer,
        Authority memory authority,
        bytes32 form,
        bytes calldata by
    ) internal returns (bytes4) {
        bytes32 key = keccak256(signer);
        if (_authorities[subject][key].exists()) return ConsentRegistry__SignerKnown.selector;
        _authorities[subject][key] = authority;
        ++_subjects[subject].signers;
        emit SignerAdded(subject, digest, signer, authority.capacity, authority.from, authority.until, form, by);
        return ACCEPTED;
    }

    /// @dev Whether `id` was never used by `subject`, for a consent or for another act.
    function _isFresh(bytes32 subject, bytes32 id) internal view virtual returns (bool);

    /// @dev Spends a fresh id.
    function _spend(bytes32 subject, bytes32 id) internal virtual;

    function _enrol(Enrolment calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        (uint32 custodian, uint8 state, bytes memory custodianSigner) = _DIRECTORY.institution(act.custodian);
        if (state != INSTITUTION_ACTIVE) return ConsentRegistry__CustodianNotActive.selector;
        if (!SignatureGate.isSignedBy(custodianSigner, digest, act.signature)) {
            return ConsentRegistry__BadSignature.selector;
        }
        if (_subjects[act.subject].isEnrolled()) return ConsentRegistry__SubjectKnown.selector;
        bytes4 reason = _signerFault(act.firstSigner, act.capacity, act.from, act.until, act.form);
        if (reason != ACCEPTED) return reason;

        Subject storage subject = _subjects[act.subject];
        (subject.signers, subject.custodian) = (1, custodian);
        _authorities[act.subject][keccak256(act.firstSigner)] = Authority(act.capacity, act.from, act.until);
        emit SubjectEnrolled(
            act.subject, act.custodian, digest, act.firstSigner, act.capacity, act.from, act.until, act.form
        );
        return ACCEPTED;
    }

    function _addSigner(SignerAddition calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory held = _subjects[act.subject];
        (Authority memory by, bytes4 reason) = _authorize(act.subject, held, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        if (!by.mayGive(act.from, act.until)) return ConsentRegistry__NoAuthority.selector;
        if (!_isFresh(act.subject, act.id)) return ConsentRegistry__IdSpent.selector;
        reason = _signerFault(act.newSigner, act.capacity, act.from, act.until, act.form);
        if (reason != ACCEPTED) return reason;
        Authority memory authority = Authority(act.capacity, act.from, act.until);
        reason = _give(act.subject, digest, act.newSigner, authority, act.form, act.signer);
        if (reason == ACCEPTED) _spend(act.subject, act.id);
        return reason;
    }

    function _removeSigner(SignerRemoval calldata act, bytes32 digest) private returns (bytes4) {
        if (act.deadline < block.timestamp) return ConsentRegistry__DeadlinePassed.selector;
        Subject memory held = _subjects[act.subject];
        (Authority memory by, bytes4 reason) = _authorize(act.subject, held, act.signer, digest, act.signature);
        if (reason != ACCEPTED) return reason;
        if (!by.mayChangeSigners()) return ConsentRegistry__NoAuthority.selector;
        if (!_isFresh(act.subject, act.id)) return ConsentRegistry__IdSpent.selector;
        bytes32 key = keccak256(act.oldSigner);
        if (!_authorities[act.subject][key].exists()) return ConsentRegistry__SignerUnknown.selector;
        // slither-disable-next-line incorrect-equality
        if (held.signers == 1) return ConsentRegistry__LastSigner.selector;

        _spend(act.subject, act.id);
        delete _authorities[act.subject][key];
        _subjects[act.subject].signers = held.signers - 1;
        emit SignerRemoved(act.subject, digest, act.oldSigner, act.signer);
        return ACCEPTED;
    }

    function _signerFault(bytes calldata signer, uint8 capacity, uint40 from, uint40 until, bytes32 form)
        internal
        view
        returns (bytes4)
    {
        if (
            capacity < Vocabulary.CAPACITY_SELF || capacity > Vocabulary.CAPACITY_STAFF || from >= until
                || !Signers.isWellFormed(signer)
        ) return ConsentRegistry__BadSigner.selector;
        return capacity == Vocabulary.CAPACITY_STAFF && form == 0 ? ConsentRegistry__FormMissing.selector : ACCEPTED;
    }
}
