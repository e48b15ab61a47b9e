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
import {Request, Verdict} from "../../src/types/Decision.sol";
import {Recovery, RecoveryObjection, RecoveryProposal} from "../../src/types/Recovery.sol";
import {Scope} from "../../src/types/Scope.sol";
import {vm, Vm} from "./Vm.sol";

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
        string memory artifact = vm.readFile(string.concat("artifacts/", name, ".json"));
        bytes memory code = bytes.concat(vm.parseJsonBytes(artifact, ".bytecode"), arguments);
        assembly {
            deployed := create(0, add(code, 0x20), mload(code))
            if iszero(deployed) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
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

    function consentAct(bytes32 id) internal view returns (ConsentAct memory act) {
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

    function record(ConsentAct memory act, uint256 key) internal returns (bytes4) {
        act.signature = sign(key, address(registry), this.hashOf(act));
        return sendConsent(act);
    }

    function record(ConsentAct memory act) internal returns (bytes4) {
        return record(act, PATIENT_KEY);
    }

    function sendConsent(ConsentAct memory act) internal returns (bytes4) {
        ConsentAct[] memory acts = new ConsentAct[](1);
        acts[0] = act;
        vm.recordLogs();
        registry.record(acts);
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

    // The libraries hash call data.

    function hashOf(Enrolment calldata act) external pure returns (bytes32) {
        return act.hash();
    }

    function hashOf(ConsentAct calldata act) external pure returns (bytes32) {
        return act.hash(act.scope);
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
        return registry.decide(PATIENT, request, uint40(block.timestamp));
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
