"""The consent receipt: what a person holds in their hands of a grant, a change or a withdrawal.

Its parts and names follow ISO/IEC TS 27560:2023 (record and principal, processing, parties, events), in the words of
``domain.wording``; the reference to the chain is ours. It is signed as a compact JWS over its canonical JSON.

One document with a state: ``accepted`` (we hold the signed act, and it is being sealed), ``sealed`` (the chain has it,
and ``chain`` says where), ``refused`` (the chain did not take it, and ``reason`` says why).

Invariants: a field more or less is an invalid receipt; nothing in it names a person; the same act in the same state
always gives the same receipt, byte for byte, so that none has to be kept.

Source: https://www.iso.org/standard/80392.html, https://w3id.org/dpv/guides/consent-27560
"""

from hashlib import sha256
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from ledger.domain.consent import Scope
from ledger.domain.directory import Terms
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import FOREVER, PURPOSE_TERMS
from ledger.domain.wording import scope_to_json
from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency import canonical
from ledger.transparency.canonical import MAX_INTEGER
from ledger.transparency.jws import sign_jws, verify_jws
from ledger.transparency.keys import KeySet, SigningKey

SCHEMA: Final = "consentry.consent-receipt/1"
TYPE: Final = "consentry-consent-receipt+jws"
WITHDRAWAL_METHOD: Final = (
    "at any time, without giving reasons: with any key that may sign for the principal, on the page /me of the service "
    "or by POST /v1/withdrawals; it counts from its acceptance on"
)
PRIVACY_RIGHTS: Final = "as the text says whose SHA-256 stands under privacy_notice; exercised at the controller"

Hex32: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]
Hex20: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{40}\Z")]
Hex: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x(?:[0-9a-f]{2})*\Z")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Words: TypeAlias = list[str] | Literal["any"]
State: TypeAlias = Literal["accepted", "sealed", "refused"]
EventType: TypeAlias = Literal["grant", "amendment", "withdrawal", "withdrawal-of-all"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the parts."""


class Notice(_Part, frozen=True):
    """The exact text that was shown."""

    sha256: Hex32
    version: Count
    language: str
    uri: str


class Purpose(_Part, frozen=True):
    """A purpose: our word, and its standard term (DUO) where there is one."""

    purpose: str
    term: str


class Window(_Part, frozen=True, rename={"start": "from"}):
    """A half-open span of time, seconds UTC; null: without an end."""

    start: Count | None
    until: Count | None


class Processing(_Part, frozen=True):
    """What the principal allows or forbids. ``effective_until`` is where the signer's authority cuts the validity."""

    effect: Literal["permit", "deny"]
    lawful_basis: Literal["consent"]
    privacy_notice: Notice
    purposes: list[Purpose] | Literal["any"]
    diseases: list[str]
    conditions: Words
    pii_types: Words
    processing_methods: Words
    recipients: dict[str, str] | Literal["any"]
    validity: Window
    effective_until: Count | None
    data_window: Window
    jurisdiction: str | None
    withdrawal_method: str
    privacy_rights: str


class Party(_Part, frozen=True):
    """Somebody with a part in it, by the id under which the Directory has them."""

    party_id: Hex32
    party_role: Literal["controller", "recipient"]
    party_name: str


class Event(_Part, frozen=True):
    """The act. ``event_time`` is the block's once sealed, else the acceptance's; ``capacity`` is null until known."""

    event_type: EventType
    event_state: State
    event_time: Count
    version: Annotated[int, msgspec.Meta(ge=1, lt=2**24)]
    signer: Hex
    capacity: str | None
    form: Hex32
    digest: Hex32
    reason: str


class Block(_Part, frozen=True):
    """A block of the chain."""

    number: Count
    hash: Hex32


class Chain(_Part, frozen=True):
    """Where the event stands; ``transaction`` and ``log_index`` are where to find it on a node."""

    chain_id: Count
    contract: Hex20
    block: Block
    transaction: Hex32
    log_index: Count


class ConsentReceipt(_Part, frozen=True):
    """The receipt."""

    schema_version: str
    receipt_id: Hex32
    record_id: Hex32
    pii_principal_id: Hex32
    pii_processing: Processing
    party_identification: list[Party]
    event: Event
    chain: Chain | None


class Proof(_Part, frozen=True):
    """The block's header (RLP), and the nodes of its receipts trie that lead to the event's transaction."""

    header: Hex
    nodes: list[Hex]


class Issued(_Part, frozen=True):
    """What a person gets: the receipt to read, the same as signed, and the proof out of the chain once it is sealed."""

    receipt: ConsentReceipt
    jws: str
    proof: Proof | None


def processing_of(scope: Scope, valid_until: int, terms: Terms | None) -> Processing:
    """What a scope says, in the words of a receipt.

    Args:
        scope: What was signed.
        valid_until: The effective end, seconds UTC.
        terms: The published text; None where the Directory has none (the receipt then knows its hash alone).
    """
    words: dict[str, Any] = scope_to_json(scope)
    standard = {term.name: term.standard for term in PURPOSE_TERMS}
    named = words["purposes"]
    return Processing(
        effect=words["effect"],
        lawful_basis="consent",
        privacy_notice=Notice(
            sha256=to_hex(scope.terms),
            version=0 if terms is None else terms.version,
            language="" if terms is None else terms.language,
            uri="" if terms is None else terms.uri,
        ),
        purposes="any" if named == "any" else [Purpose(purpose=word, term=standard[word]) for word in named],
        diseases=list(words.get("diseases") or []),
        conditions=words["conditions"],
        pii_types=words["categories"],
        processing_methods=words["operations"],
        recipients=words["recipient"],
        validity=_window(words["validity"]),
        effective_until=None if valid_until >= FOREVER else valid_until,
        data_window=_window(words["data_window"]),
        jurisdiction=None,
        withdrawal_method=WITHDRAWAL_METHOD,
        privacy_rights=PRIVACY_RIGHTS,
    )


def receipt_id(digest: bytes, consent: bytes, state: State) -> str:
    """The id of the receipt on an act about a consent, in a state: it follows from these, so it is the same again."""
    return to_hex(sha256(f"{SCHEMA} {state} ".encode() + digest + consent).digest())


def sign(receipt: ConsentReceipt, key: SigningKey) -> str:
    """The signed form of a receipt."""
    return sign_jws(msgspec.to_builtins(receipt), key, TYPE)


def open_signed(jws: str, keys: KeySet) -> ConsentReceipt:
    """A receipt, once its signature is checked.

    Raises:
        ProofInvalid: It is not signed by one of the keys, or no receipt.
        CannotCheck: ``keys`` is empty.
    """
    return read(verify_jws(jws, keys, TYPE))


def read(document: Any) -> ConsentReceipt:
    """A receipt from its JSON value.

    Raises:
        ProofInvalid: It is none.
    """
    try:
        receipt = msgspec.convert(document, ConsentReceipt)
    except msgspec.ValidationError as problem:
        raise ProofInvalid(f"not a consent receipt: {problem}") from problem
    if receipt.schema_version != SCHEMA:
        raise ProofInvalid(f"a receipt of the form {receipt.schema_version!r}; this program reads {SCHEMA!r}")
    if (receipt.event.event_state == "sealed") != (receipt.chain is not None):
        raise ProofInvalid("a sealed receipt says where it stands on the chain, and no other does")
    state, digest, consent = receipt.event.event_state, receipt.event.digest, receipt.record_id
    if receipt.receipt_id != receipt_id(bytes.fromhex(digest[2:]), bytes.fromhex(consent[2:]), state):
        raise ProofInvalid("the receipt's id is not that of its act and state")
    return receipt


def to_json(issued: Issued) -> bytes:
    """The file: canonical JSON and a newline."""
    return canonical.encode(msgspec.to_builtins(issued)) + b"\n"


def from_json(data: bytes) -> Issued:
    """Read such a file, in whatever spacing.

    Raises:
        ProofInvalid: It is something else.
    """
    try:
        document = msgspec.json.decode(data)
        issued = msgspec.convert(document, Issued)
        read(document["receipt"])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidInput) as problem:
        raise ProofInvalid(f"not a file with a consent receipt: {problem}") from problem
    return issued


def _window(words: dict[str, Any] | None) -> Window:
    held = words or {}
    return Window(start=held.get("from"), until=held.get("until"))
