// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {AuditAnchor} from "../../src/AuditAnchor.sol";
import {ConsentRegistry} from "../../src/ConsentRegistry.sol";
import {Directory} from "../../src/Directory.sol";
import {EngineRegistration, StudyProposal} from "../../src/interfaces/IDirectory.sol";
import {IConsentRegistry} from "../../src/interfaces/IConsentRegistry.sol";
import {ActHashes} from "../../src/libraries/ActHashes.sol";
import {RecoveryHashes} from "../../src/libraries/RecoveryHashes.sol";
import {Vocabulary} from "../../src/libraries/Vocabulary.sol";
import {
    ConsentAct,
    Enrolment,
    SignerAddition,
    SignerRemoval,
    Withdrawal,
    WithdrawalOfAll
} from "../../src/types/Acts.sol";
import {Limits, Rights} from "../../src/types/ConsentWords.sol";
import {Request, Verdict} from "../../src/types/Decision.sol";
import {Recovery, RecoveryObjection, RecoveryProposal} from "../../src/types/Recovery.sol";
import {Scope} from "../../src/types/Scope.sol";
import {vm, Vm} from "./Vm.sol";

/// @notice A consent act as it is signed, field for field; ConsentAct is how it is carried.
struct Consent {
    bytes32 subject;
    bytes32 id;
    uint24 version;
    Scope scope;
    bytes32 form;
    uint40 issuedAt;
    uint40 deadline;
    bytes signer;
    bytes signature;
}

/// @dev Written from the table in types/ConsentWords.sol, not with what stands below it.
function rightsOf(Scope memory scope, uint24 version, uint40 time, uint8 capacity) pure returns (Rights) {
    bytes memory word = abi.encodePacked(
        uint8(0), capacity, time, version, scope.validUntil, scope.validFrom, scope.categories, scope.operations
    );
    word = abi.encodePacked(word, scope.conditions, scope.purposes, scope.recipientKind, scope.effect);
    return Rights.wrap(uint256(bytes32(word)));
}

/// @dev As above.
function limitsOf(Scope memory scope) pure returns (Limits) {
    bytes memory word = abi.encodePacked(uint16(0), scope.diseases, scope.dataUntil, scope.dataFrom);
    return Limits.wrap(uint256(bytes32(word)));
}

function carried(Consent memory act) pure returns (ConsentAct memory) {
    return ConsentAct({
        subject: act.subject,
        id: act.id,
        recipient: act.scope.recipient,
        terms: act.scope.terms,
        rights: rightsOf(act.scope, act.version, act.issuedAt, 0),
        limits: limitsOf(act.scope),
        form: act.form,
        deadline: act.deadline,
        signer: act.signer,
        signature: act.signature
    });
}

/// @notice All contracts, deployed from the committed artifacts, so that what is tested is what is shipped, and
/// furnished: a hospital with an active study and an engine, one published text,
/// and one enrolled subject. Tests make acts with the `...Act` functions, change fields, and sign them.
abstract contract Ledger {
    using ActHashes for *;
    using RecoveryHashes for *;

    uint40 internal constant NOW = 1_800_000_000;
    uint40 internal constant FOREVER = Vocabulary.FOREVER;
    uint40 internal constant RECOVERY_DELAY = 7 days;
    uint256 internal constant HOSPITAL_KEY = 0x1001;
    uint256 internal constant REVIEWER_KEY = 0x1002;
    uint256 internal constant ENGINE_KEY = 0x1003;
    uint256 internal constant PATIENT_KEY = 0x2001;
    uint256 internal constant STRANGER_KEY = 0x2002;
    address internal constant ADMIN = address(0xAD);

    bytes32 internal constant HOSPITAL = keccak256("hospital");
    bytes32 internal constant REVIEWER = keccak256("reviewer");
    bytes32 internal constant STUDY = keccak256("study");
    bytes32 internal constant ENGINE = keccak256("engine");
    bytes32 internal constant TERMS = keccak256("terms");
    bytes32 internal constant PATIENT = keccak256("patient");
    bytes32 internal constant CONSENT = keccak256("consent");

    address internal manager;
    Directory internal directory;
    ConsentRegistry internal registry;
    AuditAnchor internal anchor;

    function setUp() public virtual {
        vm.warp(NOW);
        manager = deploy("AccessManager", abi.encode(ADMIN));
        directory = Directory(deploy("Directory", abi.encode(manager, 1)));
        registry = ConsentRegistry(deploy("ConsentRegistry", abi.encode(manager, directory, RECOVERY_DELAY)));
        anchor = AuditAnchor(deploy("AuditAnchor", abi.encode(directory)));

        vm.prank(ADMIN);
        directory.admitInstitution(HOSPITAL, "hospital", signerOf(HOSPITAL_KEY));
        vm.prank(ADMIN);
        directory.nameReviewer(REVIEWER, "reviewer", signerOf(REVIEWER_KEY), true);
        vm.prank(ADMIN);
        directory.publishTerms(TERMS, 2, "en", "");
        register(engineAct());
        propose(studyAct());
        approve(STUDY);
        moveStudy(STUDY, 2, 3);
        enrol(enrolmentAct(PATIENT, PATIENT_KEY));
    }

    function deploy(string memory name, bytes memory arguments) internal returns (address deployed) {
        bytes memory code = bytes.concat(creationCode(name), arguments);
        assembly {
            deployed := create(0, add(code, 0x20), mload(code))
            if iszero(deployed) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }

    /// @dev What is shipped; where coverage is measured, what forge compiled, whose lines it knows.
    function creationCode(string memory name) private view returns (bytes memory) {
        string memory path = string.concat("src/", name, ".sol");
        if (vm.envOr("CONSENTRY_COVERAGE", false) && vm.exists(path)) return vm.getCode(path);
        string memory artifact = vm.readFile(string.concat("artifacts/", name, ".json"));
        return vm.parseJsonBytes(artifact, ".bytecode");
    }

    // ------------------------------------------------------------------ signing

    function signerOf(uint256 key) internal pure returns (bytes memory) {
        return abi.encodePacked(vm.addr(key));
    }

    function sign(uint256 key, address verifier, bytes32 structHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(verifier, structHash));
        return abi.encodePacked(r, s, v);
    }

    function digestOf(address verifier, bytes32 structHash) internal view returns (bytes32) {
        (, string memory name, string memory version, uint256 chainId, address contract_,,) =
            IERC5267(verifier).eip712Domain();
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                contract_
            )
        );
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    // ------------------------------------------------------------------ Directory

    function studyAct() internal pure returns (StudyProposal memory act) {
        act.id = STUDY;
        act.institution = HOSPITAL;
        act.title = "study";
        act.uses = Vocabulary.USE_BIOMEDICAL;
        act.requiredTerms = 2;
        act.ethics = keccak256("ethics");
        act.ethicsUntil = FOREVER;
        act.deadline = NOW + 1 days;
        act.diseases = new uint32[][](0);
    }

    function engineAct() internal pure returns (EngineRegistration memory act) {
        act.id = ENGINE;
        act.institution = HOSPITAL;
        act.name = "engine";
        act.signer = signerOf(ENGINE_KEY);
        act.operations = Vocabulary.OPERATION_FEDERATED_LEARNING | Vocabulary.OPERATION_RECORD_ACCESS;
        act.deadline = NOW + 1 days;
    }

    function signStudy(StudyProposal memory act, uint256 key) internal view {
        bytes32 typeHash = keccak256(
            "StudyProposal(bytes32 id,bytes32 institution,string title,uint8 uses,uint16 conditions,"
            "uint32 requiredTerms,bytes32 ethics,uint40 ethicsUntil,bytes32 diseases,bytes purpose,uint40 deadline)"
        );
        bytes32 hash = keccak256(
            abi.encode(
                typeHash,
                act.id,
                act.institution,
                keccak256(bytes(act.title)),
                act.uses,
                act.conditions,
                act.requiredTerms,
                act.ethics,
                act.ethicsUntil,
                keccak256(abi.encode(act.diseases)),
                keccak256(act.purpose),
                act.deadline
            )
        );
        act.signature = sign(key, address(directory), hash);
    }

    function signEngine(EngineRegistration memory act, uint256 key) internal view {
        bytes32 typeHash = keccak256(
            "EngineRegistration(bytes32 id,bytes32 institution,string name,bytes signer,uint16 operations,"
            "uint40 deadline)"
        );
        bytes32 hash = keccak256(
            abi.encode(
                typeHash,
                act.id,
                act.institution,
                keccak256(bytes(act.name)),
                keccak256(act.signer),
                act.operations,
                act.deadline
            )
        );
        act.signature = sign(key, address(directory), hash);
    }

    function propose(StudyProposal memory act) internal {
        signStudy(act, HOSPITAL_KEY);
        directory.proposeStudy(act);
    }

    function register(EngineRegistration memory act) internal {
        signEngine(act, HOSPITAL_KEY);
        directory.registerEngine(act);
    }

    function approvalSignature(bytes32 study, bytes32 reviewer, uint40 deadline, uint256 key)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("StudyApproval(bytes32 id,bytes32 reviewer,uint40 deadline)");
        return sign(key, address(directory), keccak256(abi.encode(typeHash, study, reviewer, deadline)));
    }

    function approve(bytes32 study) internal {
        uint40 deadline = uint40(block.timestamp);
        directory.approveStudy(study, REVIEWER, deadline, approvalSignature(study, REVIEWER, deadline, REVIEWER_KEY));
    }

    function moveSignature(bytes32 study, uint8 from, uint8 to, uint40 deadline, uint256 key)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("StudyState(bytes32 id,uint8 from,uint8 to,uint40 deadline)");
        return sign(key, address(directory), keccak256(abi.encode(typeHash, study, from, to, deadline)));
    }

    function moveStudy(bytes32 study, uint8 from, uint8 to) internal {
        uint40 deadline = uint40(block.timestamp);
        directory.setStudyState(study, from, to, deadline, moveSignature(study, from, to, deadline, HOSPITAL_KEY));
    }

    function revocationSignature(bytes32 engine, uint256 key) internal view returns (bytes memory) {
        return sign(key, address(directory), keccak256(abi.encode(keccak256("EngineRevocation(bytes32 id)"), engine)));
    }

    // ------------------------------------------------------------------ acts of the registry, unsigned

    function enrolmentAct(bytes32 subject, uint256 key) internal pure returns (Enrolment memory act) {
        act.subject = subject;
        act.custodian = HOSPITAL;
        act.firstSigner = signerOf(key);
        act.capacity = Vocabulary.CAPACITY_SELF;
        act.until = FOREVER;
        act.deadline = NOW + 1 days;
    }

    function consentAct(bytes32 id) internal view returns (Consent memory act) {
        act.subject = PATIENT;
        act.id = id;
        act.version = 1;
        act.scope = anyScope();
        act.issuedAt = uint40(block.timestamp);
        act.deadline = uint40(block.timestamp) + 1 days;
        act.signer = signerOf(PATIENT_KEY);
    }

    function anyScope() internal pure returns (Scope memory scope) {
        scope.effect = Vocabulary.EFFECT_PERMIT;
        scope.recipientKind = Vocabulary.RECIPIENT_KIND_ANY;
        scope.purposes = Vocabulary.PURPOSE_HMB;
        scope.conditions = Vocabulary.ANY16;
        scope.operations = Vocabulary.ANY16;
        scope.categories = Vocabulary.ANY32;
        scope.validUntil = FOREVER;
        scope.dataUntil = FOREVER;
        scope.terms = TERMS;
    }

    function withdrawalAct(bytes32 id) internal pure returns (Withdrawal memory act) {
        act.subject = PATIENT;
        act.id = id;
        act.signer = signerOf(PATIENT_KEY);
    }

    function withdrawalOfAllAct(bytes32 id) internal view returns (WithdrawalOfAll memory act) {
        act.subject = PATIENT;
        act.id = id;
        act.deadline = uint40(block.timestamp) + 1 days;
        act.signer = signerOf(PATIENT_KEY);
    }

    function additionAct(bytes32 id, bytes memory newSigner) internal view returns (SignerAddition memory act) {
        act.subject = PATIENT;
        act.id = id;
        act.newSigner = newSigner;
        act.capacity = Vocabulary.CAPACITY_PROXY;
        act.until = FOREVER;
        act.deadline = uint40(block.timestamp) + 1 days;
        act.signer = signerOf(PATIENT_KEY);
    }

    function removalAct(bytes32 id, bytes memory oldSigner) internal view returns (SignerRemoval memory act) {
        act.subject = PATIENT;
        act.id = id;
        act.oldSigner = oldSigner;
        act.deadline = uint40(block.timestamp) + 1 days;
        act.signer = signerOf(PATIENT_KEY);
    }

    function recoveryAct(bytes32 id, bytes memory newSigner) internal view returns (RecoveryProposal memory act) {
        act.recovery.subject = PATIENT;
        act.recovery.id = id;
        act.recovery.custodian = HOSPITAL;
        act.recovery.newSigner = newSigner;
        act.recovery.capacity = Vocabulary.CAPACITY_SELF;
        act.recovery.until = FOREVER;
        act.recovery.form = keccak256("identified");
        act.deadline = uint40(block.timestamp) + 1 days;
    }

    function objectionAct(bytes32 id, uint256 key) internal view returns (RecoveryObjection memory act) {
        act.subject = PATIENT;
        act.id = id;
        act.signer = signerOf(key);
        act.signature = sign(key, address(registry), this.hashOfObjection(act));
    }

    // ------------------------------------------------------------------ sending one act; the reason if it was refused

    function enrol(Enrolment memory act) internal returns (bytes4) {
        act.signature = sign(HOSPITAL_KEY, address(registry), this.hashOf(act));
        return sendEnrolment(act);
    }

    function sendEnrolment(Enrolment memory act) internal returns (bytes4) {
        Enrolment[] memory acts = new Enrolment[](1);
        acts[0] = act;
        vm.recordLogs();
        registry.enrol(acts);
        return refusal();
    }

    function record(Consent memory act, uint256 key) internal returns (bytes4) {
        act.signature = sign(key, address(registry), hashOf(act));
        return sendConsent(act);
    }

    function record(Consent memory act) internal returns (bytes4) {
        return record(act, PATIENT_KEY);
    }

    function sendConsent(Consent memory act) internal returns (bytes4) {
        Consent[] memory acts = new Consent[](1);
        acts[0] = act;
        return sendConsents(acts, gasleft());
    }

    /// @dev Sends a batch with a limit of gas; notes the ids, so that `decide` can be asked about what is live.
    function sendConsents(Consent[] memory acts, uint256 gas) internal returns (bytes4) {
        ConsentAct[] memory packed = new ConsentAct[](acts.length);
        for (uint256 i = 0; i < acts.length; ++i) {
            packed[i] = carried(acts[i]);
            _note(acts[i].id);
        }
        vm.recordLogs();
        registry.record{gas: gas}(packed);
        return refusal();
    }

    function withdraw(Withdrawal memory act, uint256 key) internal returns (bytes4) {
        act.signature = sign(key, address(registry), this.hashOf(act));
        Withdrawal[] memory acts = new Withdrawal[](1);
        acts[0] = act;
        vm.recordLogs();
        registry.withdraw(acts);
        return refusal();
    }

    function withdraw(Withdrawal memory act) internal returns (bytes4) {
        return withdraw(act, PATIENT_KEY);
    }

    function withdrawAll(WithdrawalOfAll memory act, uint256 key) internal returns (bytes4) {
        act.signature = sign(key, address(registry), this.hashOf(act));
        WithdrawalOfAll[] memory acts = new WithdrawalOfAll[](1);
        acts[0] = act;
        vm.recordLogs();
        registry.withdrawAll(acts);
        return refusal();
    }

    function withdrawAll(WithdrawalOfAll memory act) internal returns (bytes4) {
        return withdrawAll(act, PATIENT_KEY);
    }

    function addSigner(SignerAddition memory act, uint256 key) internal returns (bytes4) {
        act.signature = sign(key, address(registry), this.hashOf(act));
        SignerAddition[] memory acts = new SignerAddition[](1);
        acts[0] = act;
        vm.recordLogs();
        registry.addSigners(acts);
        return refusal();
    }

    function addSigner(SignerAddition memory act) internal returns (bytes4) {
        return addSigner(act, PATIENT_KEY);
    }

    function removeSigner(SignerRemoval memory act, uint256 key) internal returns (bytes4) {
        act.signature = sign(key, address(registry), this.hashOf(act));
        SignerRemoval[] memory acts = new SignerRemoval[](1);
        acts[0] = act;
        vm.recordLogs();
        registry.removeSigners(acts);
        return refusal();
    }

    function removeSigner(SignerRemoval memory act) internal returns (bytes4) {
        return removeSigner(act, PATIENT_KEY);
    }

    function signRecovery(RecoveryProposal memory act, uint256 key) internal view {
        act.signature = sign(key, address(registry), this.hashOf(act));
    }

    function propose(RecoveryProposal memory act) internal {
        signRecovery(act, HOSPITAL_KEY);
        registry.proposeRecovery(act);
    }

    /// @dev The reason of the last ActRefused since the logs were recorded; zero when there is none.
    function refusal() internal returns (bytes4 reason) {
        logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IConsentRegistry.ActRefused.selector) {
                (, reason) = abi.decode(logs[i].data, (uint256, bytes4));
            }
        }
    }

    /// @dev The logs of the last act that was sent.
    Vm.Log[] internal logs;

    /// @dev EIP-712 by the book.
    function hashOf(Consent memory act) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ActHashes.CONSENT_TYPEHASH,
                act.subject,
                act.id,
                act.version,
                keccak256(abi.encode(ActHashes.SCOPE_TYPEHASH, act.scope)),
                act.form,
                act.issuedAt,
                act.deadline
            )
        );
    }

    // The libraries hash call data.

    function hashOf(Enrolment calldata act) external pure returns (bytes32) {
        return act.hash();
    }

    function hashOf(Withdrawal calldata act) external pure returns (bytes32) {
        return act.hash();
    }

    function hashOf(WithdrawalOfAll calldata act) external pure returns (bytes32) {
        return act.hash();
    }

    function hashOf(SignerAddition calldata act) external pure returns (bytes32) {
        return act.hash();
    }

    function hashOf(SignerRemoval calldata act) external pure returns (bytes32) {
        return act.hash();
    }

    function hashOf(RecoveryProposal calldata act) external pure returns (bytes32) {
        return act.hash(act.recovery.hash());
    }

    function hashOfObjection(RecoveryObjection calldata act) external pure returns (bytes32) {
        return act.hash();
    }

    // ------------------------------------------------------------------ asking

    function anyRequest() internal pure returns (Request memory request) {
        request.study = STUDY;
        request.engine = ENGINE;
        request.operation = Vocabulary.OPERATION_FEDERATED_LEARNING;
        request.categories = Vocabulary.CATEGORY_LABORATORY;
        request.dataUntil = FOREVER;
    }

    function decide(Request memory request) internal view returns (Verdict memory) {
        return decideAt(request, uint40(block.timestamp));
    }

    function decideAt(Request memory request, uint40 instant) internal view returns (Verdict memory) {
        return registry.decide(PATIENT, request, instant, liveOf(PATIENT));
    }

    /// @dev Every id that was sent for a consent, ascending.
    bytes32[] private _known;

    function _note(bytes32 id) private {
        for (uint256 i = 0; i < _known.length; ++i) {
            if (_known[i] == id) return;
        }
        _known.push(id);
        for (uint256 i = _known.length - 1; i > 0 && _known[i] < _known[i - 1]; --i) {
            (_known[i], _known[i - 1]) = (_known[i - 1], _known[i]);
        }
    }

    /// @dev The live consents, ascending: of the ids that were sent, those that the registry says are live.
    function liveOf(bytes32 subject) internal view returns (bytes32[] memory ids) {
        ids = new bytes32[](_known.length);
        uint256 count = 0;
        for (uint256 i = 0; i < _known.length; ++i) {
            if (registry.isLive(subject, _known[i])) ids[count++] = _known[i];
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
        vm.assertEq(registry.liveConsents(subject), count, "the count is that of the live");
    }

    function assertAccepted(bytes4 reason) internal pure {
        vm.assertEq(bytes32(reason), bytes32(0), "the act was refused");
    }

    function assertRefused(bytes4 reason, bytes4 expected) internal pure {
        vm.assertEq(bytes32(reason), bytes32(expected), "wrong reason");
    }

    function assertReason(Verdict memory verdict, uint8 reason) internal pure {
        vm.assertEq(uint256(verdict.reason), uint256(reason), "wrong reason");
        vm.assertEq(uint256(verdict.outcome), reason == 1 ? 1 : 2, "outcome and reason disagree");
    }
}
