"""A bundle, opened: its manifest, its keys and the typed lines of its files.

Invariants: a file is read only as the format says; whatever else stands in it is a ProofInvalid that names the file
and the line. Nothing here says that a line is true; that is what the checks are for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO, TypeVar

from ledger.domain.identifiers import to_hex
from ledger.errors import InvalidInput, ProofInvalid
from ledger.provenance import bundle as form
from ledger.transparency import canonical
from ledger.transparency.jws import verify_jws
from ledger.transparency.keys import KeySet
from ledger.transparency.note import VerifierKey
from ledger.verify.archive import Archive

_Line = TypeVar("_Line", bound=form.Line)
_MOST_DOCUMENT = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log: its place, its exact bytes, its content, and the leaf hash that the bundle states."""

    index: int
    canonical: bytes
    document: dict[str, Any]
    stated: bytes


class Bundle:
    """A bundle in the right form of zip, with a manifest that can be read.

    Args:
        file: The file, seekable.

    Raises:
        ProofInvalid: It is not a bundle.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.archive = Archive(file)
        for name in (form.MANIFEST, form.SIGNATURE, form.KEYS):
            if name not in self.archive.members:
                raise ProofInvalid(f"the bundle holds no {name}")
        self.manifest_bytes = self.archive.content(form.MANIFEST, _MOST_DOCUMENT)
        self.manifest = form.from_line(_only_line(self.manifest_bytes, form.MANIFEST), form.Manifest, form.MANIFEST)
        if self.manifest.format != form.FORMAT:
            raise ProofInvalid(f"{form.MANIFEST}: format {self.manifest.format!r}; this checker reads {form.FORMAT!r}")
        self.log = bytes.fromhex(self.manifest.log[2:])
        self.contracts = {bytes.fromhex(at[2:]): name for name, at in self.manifest.chain.contracts.items()}

    def check_files(self) -> str:
        """Every file is the one that the manifest names, in order, and there is no other.

        Raises:
            ProofInvalid: It names the first file for which this does not hold.
        """
        for name, member in self.archive.members.items():
            stated = next((line for line in self.manifest.files if line.name == name), None)
            if name in (form.MANIFEST, form.SIGNATURE):
                continue
            if stated is None:
                raise ProofInvalid(f"{name}: the manifest does not list it")
            if (stated.size, stated.sha256) != (member.size, to_hex(member.sha256)):
                raise ProofInvalid(f"{name}: its content is not the one that the manifest lists")
        absent = set() if self.manifest.members else {form.MEMBERS, form.ERASED}
        if not any(line.name == form.ERASED for line in self.manifest.files):
            absent.add(form.ERASED)
        expected = [name for name in form.ORDER if name not in absent]
        if list(self.archive.members) != expected:
            raise ProofInvalid(
                f"the bundle holds {', '.join(self.archive.members)}; it must hold {', '.join(expected)}"
            )
        if [line.name for line in self.manifest.files] != expected[:-2]:
            raise ProofInvalid(f"{form.MANIFEST}: it does not list the files in their order")
        return f"{len(expected)} files, {sum(member.size for member in self.archive.members.values())} bytes"

    def check_signature(self) -> str:
        """One of the keys in the bundle signed the manifest.

        Raises:
            ProofInvalid: None did.
        """
        jws = _only_line(self.archive.content(form.SIGNATURE, _MOST_DOCUMENT), form.SIGNATURE)
        try:
            payload = verify_jws(jws.decode("ascii"), self.receipt_keys(), form.MANIFEST_TYPE)
        except (UnicodeDecodeError, ProofInvalid) as problem:
            raise ProofInvalid(f"{form.SIGNATURE}: {problem}") from problem
        if payload != {"manifest": to_hex(sha256(self.manifest_bytes).digest())}:
            raise ProofInvalid(f"{form.MANIFEST}: it is not the one that {form.SIGNATURE} signs")
        return f"{form.MANIFEST} is signed by a key of {form.KEYS}"

    def keys(self) -> form.Keys:
        """The public keys that the bundle states."""
        return form.from_line(
            _only_line(self.archive.content(form.KEYS, _MOST_DOCUMENT), form.KEYS), form.Keys, form.KEYS
        )

    def receipt_keys(self) -> KeySet:
        """The keys of receipts and manifest.

        Raises:
            ProofInvalid: The key document is malformed.
        """
        try:
            return KeySet.from_jwks(self.keys().jwks)
        except InvalidInput as problem:
            raise ProofInvalid(f"{form.KEYS}: {problem}") from problem

    def checkpoint_keys(self) -> list[VerifierKey]:
        """The keys of checkpoints.

        Raises:
            ProofInvalid: One is malformed.
        """
        try:
            return [VerifierKey.parse(text) for text in self.keys().checkpoint]
        except InvalidInput as problem:
            raise ProofInvalid(f"{form.KEYS}: {problem}") from problem

    def entries(self) -> Iterator[Entry]:
        """The log's entries, in order.

        Raises:
            ProofInvalid: A line is not an entry of this log at this index.
        """
        for index, (_, line) in enumerate(self.archive.lines(form.ENTRIES)):
            what = f"{form.ENTRIES}, entry {index}"
            data, stated = form.read_entry(line, what)
            try:
                document = canonical.decode_object(data)
            except InvalidInput as problem:
                raise ProofInvalid(f"{what}: {problem}") from problem
            if not canonical.same([document.get("index"), document.get("log")], [index, self.manifest.log]):
                raise ProofInvalid(
                    f"{what}: it says that it is entry {document.get('index')!r} of {document.get('log')!r}"
                )
            yield Entry(index, data, document, stated)

    def lines(self, name: str, kind: type[_Line], start: int = 0) -> Iterator[tuple[int, _Line]]:
        """The lines of a file as documents of one kind, each with its offset.

        Raises:
            ProofInvalid: A line is something else.
        """
        for number, (at, line) in enumerate(self.archive.lines(name, start)):
            yield at, form.from_line(line, kind, f"{name}, line {number + 1}" if not start else name)


def _only_line(data: bytes, name: str) -> bytes:
    if data.count(b"\n") != 1 or not data.endswith(b"\n"):
        raise ProofInvalid(f"{name}: it must be one line")
    return data[:-1]
