// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Limits, Rights} from "../types/ConsentWords.sol";
import {Request, Verdict} from "../types/Decision.sol";
import {Enrolment, ConsentAct, Withdrawal, WithdrawalOfAll, SignerAddition, SignerRemoval} from "../types/Acts.sol";

/// @title Subjects, the signers who may act for them, and their consents
/// @notice Anyone may carry acts to this contract; only the signatures in them count. A bad act in a batch emits
/// `ActRefused` with its digest and reason and leaves the others alone. A whole transaction reverts only out of gas
/// (`SignatureGate__OutOfGas` included), or where its call data is not valid ABI encoding.
interface IConsentRegistry {
    /// @notice A subject was enrolled by its custodian.
    event SubjectEnrolled(
        bytes32 indexed subject,
        bytes32 indexed custodian,
        bytes32 digest,
        bytes signer,
        uint8 capacity,
        uint40 from,
        uint40 until,
        bytes32 form
    );
    event SignerAdded(
        bytes32 indexed subject,
        bytes32 digest,
        bytes signer,
        uint8 capacity,
        uint40 from,
        uint40 until,
        bytes32 form,
        bytes by
    );
    event SignerRemoved(bytes32 indexed subject, bytes32 digest, bytes signer, bytes by);

    /// @notice A consent was granted (version 1) or amended (higher versions).
    /// @param rights with the version, the end of validity cut to the end of the signer's authority for guardians and
    /// proxies, and the signer's capacity; types/ConsentWords.sol says where
    event ConsentRecorded(
        bytes32 indexed subject,
        bytes32 indexed id,
        bytes32 digest,
        bytes32 recipient,
        bytes32 terms,
        Rights rights,
        Limits limits,
        bytes32 form,
        bytes signer
    );
    /// @notice A consent was withdrawn for good. Version 0: the id was spent before it was ever granted.
    event ConsentWithdrawn(
        bytes32 indexed subject, bytes32 indexed id, bytes32 digest, uint24 version, uint8 capacity, bytes signer
    );
    /// @notice Every consent of the subject that was live is withdrawn by this; there is no event for each.
    event AllWithdrawn(bytes32 indexed subject, bytes32 indexed id, bytes32 digest, uint8 capacity, bytes signer);
    /// @notice An act was refused; `reason` is the selector of one of the errors below.
    event ActRefused(bytes32 indexed digest, uint256 index, bytes4 reason);

    // Reasons for which an act is refused (carried as selectors in ActRefused, never thrown).
    error ConsentRegistry__DeadlinePassed();
    error ConsentRegistry__BadSignature();
    error ConsentRegistry__NoAuthority(); // unknown signer, or outside its window
    error ConsentRegistry__SubjectUnknown();
    error ConsentRegistry__SubjectKnown();
    error ConsentRegistry__CustodianNotActive();
    error ConsentRegistry__IdSpent();
    error ConsentRegistry__ConsentWithdrawn();
    error ConsentRegistry__WrongVersion();
    error ConsentRegistry__Stopped(); // issued at or before the subject's last withdrawal of all
    error ConsentRegistry__IssuedAhead(); // issued later than the block's time and a device's skew
    error ConsentRegistry__TooManyConsents();
    error ConsentRegistry__GrantsPaused();
    error ConsentRegistry__UnknownCode(); // a mask with bits outside the vocabulary that is not "any"
    error ConsentRegistry__EmptySet(); // a set that means none where none can never match
    error ConsentRegistry__BadWindow();
    error ConsentRegistry__BadDiseases(); // DS without diseases, diseases without DS, or a deny by disease
    error ConsentRegistry__UnknownRecipient();
    error ConsentRegistry__TermsNotPublished();
    error ConsentRegistry__BadSigner(); // capacity, window or length of a signer
    error ConsentRegistry__SignerKnown();
    error ConsentRegistry__SignerUnknown();
    error ConsentRegistry__LastSigner();
    error ConsentRegistry__FormMissing(); // staff capacity without the hash of the paper form

    // Thrown by `decide`: an answer from some of the consents, or from others, would be none.
    error ConsentRegistry__NotALiveConsent(bytes32 id); // of this subject, or it is out of order
    error ConsentRegistry__NotAllConsents(uint256 given, uint256 live);

    function enrol(Enrolment[] calldata acts) external;
    function record(ConsentAct[] calldata acts) external;
    function withdraw(Withdrawal[] calldata acts) external;
    function withdrawAll(WithdrawalOfAll[] calldata acts) external;
    function addSigners(SignerAddition[] calldata acts) external;
    function removeSigners(SignerRemoval[] calldata acts) external;

    /// @notice Stops (or restarts) grants and amendments. Withdrawals cannot be paused.
    function pauseGrants(bool paused) external;

    /// @notice The decision on one subject at `instant` (seconds UTC), from current storage. Equal to ledger.domain.policy.decide.
    /// @dev Reverts unless `consents` is exactly the set of the live ones, so that nobody can leave out a deny.
    /// @param consents the ids of all live consents of the subject, ascending; the events tell them
    function decide(bytes32 subject, Request calldata request, uint40 instant, bytes32[] calldata consents)
        external
        view
        returns (Verdict memory);

    /// @notice How many consents of `subject` are live: neither withdrawn nor ended by a withdrawal of all.
    function liveConsents(bytes32 subject) external view returns (uint256);

    /// @notice Whether one consent is live. Says nothing of its validity.
    function isLive(bytes32 subject, bytes32 id) external view returns (bool);

    /// @notice The Directory that institutions, studies, engines and texts are looked up in.
    function directory() external view returns (address);

    /// @notice Whether `signer` (ERC-7913 bytes) accepts `signature` over `digest`. Says nothing about authority.
    function isSignedBy(bytes calldata signer, bytes32 digest, bytes calldata signature) external view returns (bool);
}
