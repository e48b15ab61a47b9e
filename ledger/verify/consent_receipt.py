"""The offline check of a consent receipt: its form, its signature, and that the chain recorded what it says.

Needs the file, and for each claim what it rests on: the service's key document for the signature, a trusted block hash
for the chain. Without them a claim is "could not check", never "pass".
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, BinaryIO, Final

import msgspec

from ledger.domain import events as ev
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import Capacity
from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.provenance import consent_receipt as form
from ledger.transparency import canonical
from ledger.transparency.encoding import from_base64url
from ledger.transparency.keys import KeySet
from ledger.verify import chain
from ledger.verify.bundle import Bundle
from ledger.verify.claims import Claim, Trial
from ledger.verify.events import REGISTRY, read_event, read_receipt
from ledger.verify.headers import Header, read_header
from ledger.verify.mpt import read_trie
from ledger.verify.report import Report

FORM: Final = Claim(
    "form",
    "The file is a consent receipt, and what it shows is what is signed in it.",
    "That anything in it is true.",
)
SIGNATURE: Final = Claim(
    "signature",
    "Whoever holds one of the keys you gave issued this receipt: they are held to every word of it.",
    "That the key is the service's: it is as good as where you have the key document from.",
)
EVENT: Final = Claim(
    "event",
    "The ConsentRegistry recorded exactly this act: principal, consent, version, digest, signer and capacity, and of a "
    "grant or amendment everything that it allows or forbids.",
    "Names of parties, and language and place of the text; of a withdrawal what the consent had allowed; and of a "
    "withdrawal of everything that this consent was among what it ended: for these there is the signature. Transaction "
    "hash and log index are a help to find the event.",
)
BLOCK: Final = Claim(
    "block",
    "The event's block is on the chain that ends in the block hash you gave.",
    "That this block is on the chain you mean: that is why you must know its hash from elsewhere. And that the consent "
    "was not changed or withdrawn later.",
)
TEXT: Final = Claim(
    "text",
    "The text that you gave is, byte for byte, the one whose hash was signed.",
    "That it was shown, or understood.",
)
ALL: Final = (FORM, SIGNATURE, EVENT, BLOCK)
"""The claims of every receipt; ``TEXT`` is one more where a text was given."""
MOST_BYTES: Final = 32 << 20
"""The largest file that is read; the proof holds one transaction's receipt."""


def verify_consent_receipt(
    data: bytes,
    *,
    jwks: Mapping[str, object] | None = None,
    block_hash: bytes | None = None,
    bundle: BinaryIO | None = None,
    contract: bytes | None = None,
    text: bytes | None = None,
) -> Report:
    """Check a consent receipt.

    Args:
        data: The file.
        jwks: The service's key document, from a source that you trust.
        block_hash: The hash (32 bytes) of the receipt's block, or with a bundle of the bundle's last block, from a
            source that you trust.
        bundle: A bundle with the event's block in it; None: the proof in the file is taken.
        contract: The ConsentRegistry's address (20 bytes), as the consortium published it; None: the receipt's own.
        text: The consent text, to be held against the hash in the receipt; None: it is not looked at.
    """
    return _Examination(data, jwks, block_hash, bundle, contract, text).report()


class _Examination:
    def __init__(
        self,
        data: bytes,
        jwks: Mapping[str, object] | None,
        block_hash: bytes | None,
        bundle: BinaryIO | None,
        contract: bytes | None,
        text: bytes | None,
    ) -> None:
        self._data = data
        self._jwks = jwks
        self._block_hash = block_hash
        self._bundle = bundle
        self._contract = contract
        self._text = text
        self._issued: form.Issued | None = None
        self._header: Header | None = None
        self._linked: chain.Linked | None = None

    def report(self) -> Report:
        trial = Trial(claims=ALL if self._text is None else (*ALL, TEXT))
        if not trial.attempt(FORM, self._form):
            return trial.report("the file is not a consent receipt, so nothing in it was looked at")
        trial.attempt(SIGNATURE, self._signature)
        trial.attempt(EVENT, self._event)
        trial.attempt(BLOCK, self._block)
        if self._text is not None:
            trial.attempt(TEXT, self._notice)
        return trial.report("not tried")

    def _form(self) -> str:
        if len(self._data) > MOST_BYTES:
            raise ProofInvalid(f"the file is larger than {MOST_BYTES} bytes")
        issued = form.from_json(self._data)
        signed = _payload(issued.jws)
        if signed != msgspec.to_builtins(issued.receipt):
            raise ProofInvalid("what the file shows is not what is signed in it")
        self._issued = issued
        event = issued.receipt.event
        return f"{event.event_type} of consent {issued.receipt.record_id}, version {event.version}, {event.event_state}"

    def _signature(self) -> str:
        if self._jwks is None:
            raise CannotCheck("you gave no key document; get the service's from /.well-known/jwks.json (--jwks)")
        try:
            keys = KeySet.from_jwks(self._jwks)
        except InvalidInput as problem:
            raise ProofInvalid(f"the key document: {problem}") from problem
        form.open_signed(self._told.jws, keys)
        return "signed by a key that you gave"

    def _event(self) -> str:
        receipt = self._told.receipt
        if receipt.chain is None:
            words = {
                "accepted": "it is accepted and being sealed; ask for the receipt again",
                "refused": "it was refused",
            }
            raise CannotCheck(f"the act is not on the chain: {words[receipt.event.event_state]}")
        address = bytes.fromhex(receipt.chain.contract[2:])
        if self._contract is not None and self._contract != address:
            raise ProofInvalid(f"the contract is not the ConsentRegistry that you gave, {to_hex(self._contract)}")
        event = self._from_bundle(receipt.chain) if self._bundle is not None else self._from_proof(receipt.chain)
        said, recorded = _said(receipt), _recorded(event)
        for name, value in recorded.items():
            if said[name] != value:
                raise ProofInvalid(f"{name} is {said[name]!r} in the receipt, and {value!r} on the chain")
        return f"the receipt says what contract {receipt.chain.contract} recorded in block {receipt.chain.block.number}"

    def _from_proof(self, place: form.Chain) -> ev.Event:
        proof = self._told.proof
        if proof is None:
            raise CannotCheck("the file holds no proof out of the chain; give a bundle with the block in it (--bundle)")
        header = read_header(bytes.fromhex(proof.header[2:]))
        if (header.number, to_hex(header.hash)) != (place.block.number, place.block.hash):
            raise ProofInvalid(f"the header is of block {header.number} {to_hex(header.hash)}, not of the receipt's")
        self._header = header
        if header.timestamp != self._told.receipt.event.event_time:
            raise ProofInvalid(f"the block is of {header.timestamp}, not of {self._told.receipt.event.event_time}")
        leaves = read_trie(header.receipts_root, [bytes.fromhex(node[2:]) for node in proof.nodes]).leaves
        contracts = {bytes.fromhex(place.contract[2:]): REGISTRY}
        logs = [log for receipt in leaves.values() for log in read_receipt(receipt)]
        events = [event for log in logs if (event := read_event(log, contracts)) is not None]
        return self._named(events)

    def _from_bundle(self, place: form.Chain) -> ev.Event:
        assert self._bundle is not None
        bundle = Bundle(self._bundle)
        bundle.check_files()
        self._linked = chain.link(bundle)
        if bundle.contracts.get(bytes.fromhex(place.contract[2:])) != REGISTRY:
            raise ProofInvalid("the bundle knows the ConsentRegistry at another address")
        header = self._linked.wanted.get(place.block.number)
        if header is None:
            raise CannotCheck(f"the bundle does not show block {place.block.number}")
        if to_hex(header.hash) != place.block.hash:
            raise ProofInvalid(f"block {place.block.number} of the bundle is another one than the receipt's")
        self._header = header
        shown = chain.read_receipts(bundle, self._linked)
        return self._named([placed.event for placed in shown.events if placed.block == place.block.number])

    def _named(self, events: list[ev.Event]) -> ev.Event:
        receipt = self._told.receipt
        for event in events:
            if not isinstance(event, ev.ConsentRecorded | ev.ConsentWithdrawn | ev.AllWithdrawn):
                continue
            named = isinstance(event, ev.AllWithdrawn) or to_hex(event.id) == receipt.record_id
            if named and to_hex(event.digest) == receipt.event.digest:
                return event
        raise ProofInvalid("no event of this act on this consent is in the block's receipts that are shown")

    def _block(self) -> str:
        if self._told.receipt.chain is None:
            raise CannotCheck("the act is not on the chain yet")
        if self._header is None:
            raise CannotCheck("it rests on the claim 'event', which does not hold")
        if self._linked is not None:
            return chain.check_block(self._linked, self._block_hash)
        number, hash_ = self._header.number, to_hex(self._header.hash)
        if self._block_hash is None:
            raise CannotCheck(
                f"you gave no block hash; ask a node that you trust for the one of block {number} (--block)"
            )
        if self._block_hash != self._header.hash:
            raise ProofInvalid(f"the block hash you gave is not that of block {number}, {hash_}")
        return f"block {number} {hash_} is the one that you gave"

    def _notice(self) -> str:
        stated = self._told.receipt.pii_processing.privacy_notice.sha256
        given = to_hex(sha256(self._text or b"").digest())
        if given != stated:
            raise ProofInvalid(f"the text that you gave has the SHA-256 {given}, the receipt says {stated}")
        return f"SHA-256 {stated}"

    @property
    def _told(self) -> form.Issued:
        assert self._issued is not None
        return self._issued


def _payload(jws: str) -> Any:
    """What a JWS says, its signature aside."""
    parts = jws.split(".")
    try:
        return canonical.decode_object(from_base64url(parts[1])) if len(parts) == 3 else None
    except InvalidInput as problem:
        raise ProofInvalid(f"the signed form: {problem}") from problem


def _said(receipt: form.ConsentReceipt) -> dict[str, object]:
    event, processing = receipt.event, msgspec.to_builtins(receipt.pii_processing)
    notice = processing.pop("privacy_notice")
    return {
        "kind": "record" if event.event_type in ("grant", "amendment") else event.event_type,
        "first": event.event_type == "grant",
        "pii_principal_id": receipt.pii_principal_id,
        "record_id": receipt.record_id,
        "digest": event.digest,
        "version": event.version,
        "signer": event.signer,
        "capacity": event.capacity,
        "form": event.form,
        "privacy_notice.sha256": notice["sha256"],
        **processing,
    }


def _recorded(event: ev.Event) -> dict[str, object]:
    """What the chain says, of all that ``_said`` names."""
    assert isinstance(event, ev.ConsentRecorded | ev.ConsentWithdrawn | ev.AllWithdrawn)
    known = set(Capacity)
    common: dict[str, object] = {
        "pii_principal_id": to_hex(event.subject),
        "digest": to_hex(event.digest),
        "signer": to_hex(event.signer),
        "capacity": Capacity(event.capacity).name.lower() if event.capacity in known else event.capacity,
    }
    if isinstance(event, ev.AllWithdrawn):
        return {**common, "kind": "withdrawal-of-all"}
    common |= {"record_id": to_hex(event.id), "version": event.version}
    if isinstance(event, ev.ConsentWithdrawn):
        return {**common, "kind": "withdrawal"}
    try:
        event.scope.check()
        processing = msgspec.to_builtins(form.processing_of(event.scope, event.valid_until, None))
    except (InvalidInput, ValueError) as problem:
        raise ProofInvalid(f"the scope on the chain cannot be read: {problem}") from problem
    notice = processing.pop("privacy_notice")
    return {
        **common,
        "kind": "record",
        "first": event.version == 1,
        "form": to_hex(event.form),
        "privacy_notice.sha256": notice["sha256"],
        **processing,
    }
