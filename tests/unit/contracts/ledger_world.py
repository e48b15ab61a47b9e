"""The contracts, deployed on an in-process EVM from the committed artifacts, and the keys of the people in a test."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from eth_abi import decode, encode
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

pyrevm = pytest.importorskip("pyrevm", reason="pyrevm has no wheel for this Python")

ARTIFACTS = Path(__file__).parents[3] / "contracts" / "artifacts"
FOREVER = 2**40 - 1
NOW = 1_800_000_000
RECOVERY_DELAY = 604_800
ADMIN = "0x" + "ad" * 20
RELAYER = "0x" + "0e" * 20
CHAIN = 1
SCOPE = (
    "Scope(uint8 effect,uint8 recipientKind,bytes32 recipient,uint16 purposes,uint16 conditions,uint16 operations,"
    "uint32 categories,uint40 validFrom,uint40 validUntil,uint40 dataFrom,uint40 dataUntil,uint160 diseases,"
    "bytes32 terms)"
)
ACCESSES = "Accesses(bytes32 study,bytes32 engine,bytes entries)"
CONSENT = "Consent(bytes32 subject,bytes32 id,uint24 version,Scope scope,bytes32 form,uint40 issuedAt,uint40 deadline)"


def word(name: str) -> bytes:
    """A 32-byte id that stands for ``name``."""
    return sha256(name.encode()).digest()


def key(name: str) -> LocalAccount:
    """The key pair of ``name``."""
    return Account.from_key(word(name))


def signer(name: str) -> bytes:
    """The ERC-7913 form of the address of ``name``."""
    return bytes.fromhex(key(name).address[2:])


def pack_fields(*fields: tuple[int, int]) -> int:
    """Whole numbers in one word, from the lowest bit: each a value and its width in bits."""
    packed = place = 0
    for value, bits in fields:
        assert 0 <= value < 1 << bits, f"{value} does not fit {bits} bits"
        packed |= value << place
        place += bits
    return packed


def type_name(entry: dict[str, Any]) -> str:
    """The canonical ABI type of an input or output."""
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return f"({','.join(map(type_name, entry['components']))}){entry['type'][5:]}"


def fields_of(declaration: str) -> tuple[str, list[dict[str, str]]]:
    """The name and the members of an EIP-712 struct, from its type string."""
    name, _, rest = declaration.partition("(")
    members = [member.split(" ") for member in rest.rstrip(")").split(",")]
    return name, [{"type": kind, "name": member} for kind, member in members]


class RevertedError(Exception):
    """A call was reverted; the argument is its return data."""


@dataclass
class Contract:
    """One contract: calls by name, arguments as Python values, results and events decoded."""

    evm: Any
    artifact: dict[str, Any]
    address: str
    log: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gas: int = 0

    def _function(self, name: str) -> dict[str, Any]:
        return next(
            entry for entry in self.artifact["abi"] if entry.get("name") == name and entry["type"] == "function"
        )

    def calldata(self, name: str, *args: Any) -> bytes:
        """The call data of a function."""
        types = [type_name(entry) for entry in self._function(name)["inputs"]]
        return keccak(text=f"{name}({','.join(types)})")[:4] + encode(types, args)

    def read(self, name: str, *args: Any) -> tuple[Any, ...]:
        """Call a view."""
        raw = self.evm.message_call(RELAYER, self.address, calldata=self.calldata(name, *args), is_static=True)
        return decode([type_name(entry) for entry in self._function(name)["outputs"]], bytes(raw))

    def send(self, name: str, *args: Any, by: str = RELAYER) -> list[tuple[str, dict[str, Any]]]:
        """Send a transaction; returns its events as (name, values)."""
        try:
            self.evm.message_call(by, self.address, calldata=self.calldata(name, *args))
        except RuntimeError as error:
            raise RevertedError(str(error)) from error
        result = self.evm.result
        self.gas = result.gas_used
        return [self.event(entry.topics, entry.data[1]) for entry in result.logs]

    def event(self, topics: Sequence[str], data: bytes) -> tuple[str, dict[str, Any]]:
        """Decode one log."""
        for entry in self.artifact["abi"]:
            types = [type_name(argument) for argument in entry.get("inputs", [])]
            if entry["type"] != "event" or keccak(text=f"{entry['name']}({','.join(types)})").hex() != topics[
                0
            ].removeprefix("0x"):
                continue
            plain = [argument for argument in entry["inputs"] if not argument["indexed"]]
            indexed = [argument["name"] for argument in entry["inputs"] if argument["indexed"]]
            values = dict(zip(indexed, (bytes.fromhex(topic.removeprefix("0x")) for topic in topics[1:]), strict=True))
            decoded = decode([type_name(argument) for argument in plain], bytes(data))
            return entry["name"], values | {a["name"]: v for a, v in zip(plain, decoded, strict=True)}
        raise AssertionError(f"unknown topic {topics[0]}")

    def reason(self, selector: bytes) -> str:
        """The name of the error with ``selector``, without the contract's prefix."""
        for entry in self.artifact["abi"]:
            if entry["type"] == "error":
                types = ",".join(type_name(argument) for argument in entry["inputs"])
                if keccak(text=f"{entry['name']}({types})")[:4] == bytes(selector[:4]):
                    return str(entry["name"]).partition("__")[2]
        raise AssertionError(f"no error has the selector {selector.hex()}")


class LedgerWorld:
    """AccessManager, Directory, ConsentRegistry and AuditAnchor, deployed; helpers that sign and send acts."""

    def __init__(self, reviewers: int = 1) -> None:
        self.evm = pyrevm.EVM()
        for account in (ADMIN, RELAYER):
            self.evm.set_balance(account, 10**20)
        self.chain = CHAIN
        self.set_time(NOW)
        self._deploy_all(ADMIN, reviewers)

    def _deploy_all(self, admin: str, reviewers: int) -> None:
        self.manager = self._deploy("AccessManager", ["address"], [admin])
        self.directory = self._deploy("Directory", ["address", "uint32"], [self.manager.address, reviewers])
        registry = [self.manager.address, self.directory.address, RECOVERY_DELAY]
        self.registry = self._deploy("ConsentRegistry", ["address", "address", "uint40"], registry)
        self.anchor = self._deploy("AuditAnchor", ["address"], [self.directory.address])

    def set_time(self, now: int) -> None:
        """Move the block time to ``now``, in seconds UTC."""
        self.now = now
        self.evm.set_block_env(pyrevm.BlockEnv(number=now, timestamp=now))

    def _deploy(self, name: str, types: list[str], args: list[Any]) -> Contract:
        artifact = json.loads((ARTIFACTS / f"{name}.json").read_text())
        code = bytes.fromhex(artifact["bytecode"][2:]) + encode(types, args)
        return Contract(self.evm, artifact, self.evm.deploy(ADMIN, code))

    def sign(self, who: str, contract: Contract, declaration: str, message: dict[str, Any]) -> bytes:
        """The signature of ``who`` over typed data."""
        return bytes(key(who).sign_message(self.signable(contract, declaration, message)).signature)

    def signable(self, contract: Contract, declaration: str, message: dict[str, Any]) -> SignableMessage:
        """Typed data; eth_account is the oracle for the contract's own digests."""
        primary, members = fields_of(declaration)
        types = {primary: members}
        types |= dict(fields_of(inner) for name, inner in (("scope", SCOPE), ("accesses", ACCESSES)) if name in message)
        return encode_typed_data(
            {
                "name": "Consentry " + contract.artifact["contractName"],
                "version": "1",
                "chainId": self.chain,
                "verifyingContract": contract.address,
            },
            types,
            message,
        )

    # -------------------------------------------------------------- Directory

    def admit(self, institution: str) -> None:
        """Admit an institution whose key is that of the same name."""
        self.directory.send("admitInstitution", word(institution), institution, signer(institution), by=ADMIN)

    def publish(self, terms: str, version: int = 1) -> None:
        """Publish a text."""
        self.directory.send("publishTerms", word(terms), version, "en", "", by=ADMIN)

    def propose(self, study: str, institution: str, **changes: Any) -> None:
        """Propose a study of health research."""
        given: dict[str, Any] = {
            "id": word(study),
            "institution": word(institution),
            "title": study,
            "uses": 2,
            "conditions": 0,
            "requiredTerms": 1,
            "ethics": word("ethics"),
            "ethicsUntil": FOREVER,
            "diseases": [],
            "purpose": b"",
            "deadline": FOREVER,
        } | changes
        hashed = given | {"diseases": keccak(encode(["uint32[][]"], [given["diseases"]]))}
        signature = self.sign(
            institution,
            self.directory,
            "StudyProposal(bytes32 id,bytes32 institution,string title,uint8 uses,uint16 conditions,"
            "uint32 requiredTerms,bytes32 ethics,uint40 ethicsUntil,bytes32 diseases,bytes purpose,uint40 deadline)",
            hashed,
        )
        self.directory.send("proposeStudy", (*given.values(), signature))

    def approve(self, study: str, reviewer: str) -> None:
        """Let ``reviewer`` approve a study."""
        message = {"id": word(study), "reviewer": word(reviewer), "deadline": FOREVER}
        declaration = "StudyApproval(bytes32 id,bytes32 reviewer,uint40 deadline)"
        signature = self.sign(reviewer, self.directory, declaration, message)
        self.directory.send("approveStudy", *message.values(), signature)

    def move(self, study: str, institution: str, old: int, new: int) -> None:
        """Move a study from one state to another."""
        message = {"id": word(study), "from": old, "to": new, "deadline": FOREVER}
        declaration = "StudyState(bytes32 id,uint8 from,uint8 to,uint40 deadline)"
        signature = self.sign(institution, self.directory, declaration, message)
        self.directory.send("setStudyState", *message.values(), signature)

    def register(self, engine: str, institution: str, operations: int = 0x1FF) -> None:
        """Register an engine."""
        message = {
            "id": word(engine),
            "institution": word(institution),
            "name": engine,
            "signer": signer(engine),
            "operations": operations,
            "deadline": FOREVER,
        }
        declaration = (
            "EngineRegistration(bytes32 id,bytes32 institution,string name,bytes signer,uint16 operations,"
            "uint40 deadline)"
        )
        signature = self.sign(institution, self.directory, declaration, message)
        self.directory.send("registerEngine", (*message.values(), signature))

    def furnish(self) -> None:
        """A hospital with an active study and an engine, and one published text."""
        self.admit("hospital")
        self.publish("terms")
        self.directory.send("nameReviewer", word("reviewer"), "reviewer", signer("reviewer"), True, by=ADMIN)
        self.register("engine", "hospital")
        self.propose("study", "hospital")
        self.approve("study", "reviewer")
        self.move("study", "hospital", 2, 3)

    # -------------------------------------------------------------- ConsentRegistry

    def enrolment(self, subject: str, custodian: str = "hospital", **changes: Any) -> tuple[Any, ...]:
        """A signed enrolment of ``subject`` whose first signer is the key of the same name."""
        given: dict[str, Any] = {
            "subject": word(subject),
            "custodian": word(custodian),
            "firstSigner": signer(subject),
            "capacity": 1,
            "from": 0,
            "until": FOREVER,
            "form": bytes(32),
            "deadline": FOREVER,
        } | changes
        declaration = (
            "Enrolment(bytes32 subject,bytes32 custodian,bytes firstSigner,uint8 capacity,uint40 from,uint40 until,"
            "bytes32 form,uint40 deadline)"
        )
        return (*given.values(), self.sign(custodian, self.registry, declaration, given))

    def consent(self, subject: str, consent: str, *, by: str = "", version: int = 1, **changes: Any) -> tuple[Any, ...]:
        """A signed consent of ``subject`` to health research by anybody; ``changes`` are fields of act or scope."""
        by = by or subject
        act, scope = self.drafted(subject, consent, version=version, **changes)
        signature = self.sign(by, self.registry, CONSENT, act | {"scope": dict(scope)})
        return self.carried(act, scope, signer(by), signature)

    def drafted(self, subject: str, consent: str, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A consent as it is before it is signed: the act's fields, and its scope's."""
        scope: dict[str, Any] = {
            "effect": 1,
            "recipientKind": 1,
            "recipient": bytes(32),
            "purposes": 4,
            "conditions": 0xFFFF,
            "operations": 0xFFFF,
            "categories": 0xFFFF_FFFF,
            "validFrom": 0,
            "validUntil": FOREVER,
            "dataFrom": 0,
            "dataUntil": FOREVER,
            "diseases": 0,
            "terms": word("terms"),
        }
        act: dict[str, Any] = {
            "subject": word(subject),
            "id": word(consent),
            "version": 1,
            "scope": scope,
            "form": bytes(32),
            "issuedAt": self.now,
            "deadline": FOREVER,
        }
        for name, value in changes.items():
            (scope if name in scope else act)[name] = value
        return act, scope

    @staticmethod
    def carried(act: dict[str, Any], scope: dict[str, Any], signer: bytes, signature: bytes) -> tuple[Any, ...]:
        """A consent as call data has it: most fields in two words (types/ConsentWords.sol)."""
        rights = pack_fields(
            (scope["effect"], 8),
            (scope["recipientKind"], 8),
            (scope["purposes"], 16),
            (scope["conditions"], 16),
            (scope["operations"], 16),
            (scope["categories"], 32),
            (scope["validFrom"], 40),
            (scope["validUntil"], 40),
            (act["version"], 24),
            (act["issuedAt"], 40),
        )
        limits = pack_fields((scope["dataFrom"], 40), (scope["dataUntil"], 40), (scope["diseases"], 160))
        ids = (act["subject"], act["id"], scope["recipient"], scope["terms"])
        return (*ids, rights, limits, act["form"], act["deadline"], signer, signature)

    def withdrawal(self, subject: str, consent: str, by: str = "") -> tuple[Any, ...]:
        """A signed withdrawal of one consent."""
        message = {"subject": word(subject), "id": word(consent)}
        by = by or subject
        signature = self.sign(by, self.registry, "Withdrawal(bytes32 subject,bytes32 id)", message)
        return (*message.values(), signer(by), signature)

    def withdrawal_of_all(self, subject: str, name: str) -> tuple[Any, ...]:
        """A signed withdrawal of everything."""
        message = {"subject": word(subject), "id": word(name), "deadline": FOREVER}
        declaration = "WithdrawalOfAll(bytes32 subject,bytes32 id,uint40 deadline)"
        signature = self.sign(subject, self.registry, declaration, message)
        return (*message.values(), signer(subject), signature)

    @staticmethod
    def scope_fields() -> list[str]:
        """The names of a scope's fields, in order."""
        return [member["name"] for member in fields_of(SCOPE)[1]]

    def refusals(self, events: list[tuple[str, dict[str, Any]]]) -> dict[int, str]:
        """The reasons of the acts that were refused, by index."""
        return {e["index"]: self.registry.reason(e["reason"]) for name, e in events if name == "ActRefused"}

    # -------------------------------------------------------------- AuditAnchor

    def append(
        self, log: str, size: int, root: bytes, proof: Sequence[bytes] = (), accesses: Sequence[tuple[Any, ...]] = ()
    ) -> list[tuple[str, dict[str, Any]]]:
        """Anchor a head of ``log``, signed by the key of the same name; accesses are (study, engine, entries)."""
        groups = [dict(zip(("study", "engine", "entries"), group, strict=True)) for group in accesses]
        message = {"log": word(log), "size": size, "root": root, "accesses": groups}
        declaration = "Anchoring(bytes32 log,uint64 size,bytes32 root,Accesses[] accesses)"
        signature = self.sign(log, self.anchor, declaration, message)
        return self.anchor.send("append", (word(log), size, root, list(proof), list(accesses), signature))

    def head(self, log: str) -> tuple[Any, ...]:
        """The anchored head: size and root."""
        return self.anchor.read("head", word(log))
