"""The signed bundle: one file from which anybody can check a log offline, with nothing else than a block hash.

Invariants: the same log at the same block and second gives the same bytes; files are streamed in the order of the
format; the manifest is written last, over what was really written, and signed.
"""

from collections.abc import Sequence
from hashlib import sha256
from itertools import chain
from typing import BinaryIO

from ledger.domain.events import Logged
from ledger.domain.identifiers import to_hex
from ledger.export.archive import ArchiveWriter
from ledger.export.readme import readme
from ledger.export.source import Progress, unseen
from ledger.provenance import bundle as form
from ledger.services.export import Export, Ports, Suspicion
from ledger.transparency.jws import sign_jws
from ledger.verify.chain import later_events, may_change
from ledger.verify.headers import read_header


def export_bundle(
    ports: Ports, log: bytes, out: BinaryIO, *, with_members: bool = False, progress: Progress = unseen
) -> form.Manifest:
    """Write the bundle of a log.

    Args:
        ports: The services' context.
        log: The log's id.
        out: Where it goes: an empty seekable file; it stays the caller's to close.
        with_members: Whether the considered subjects' rows (pseudonymous ids, salts, outcomes) and their consent
            history go along. They are needed to replay decisions; only for readers who may see them.
        progress: Is told how far the export is; what it raises ends it.

    Returns:
        The manifest; its ``trusted`` block is the one whose hash the reader must know from elsewhere.

    Raises:
        NotFound: There is no such institution.
        NotReady: The mirror or the node cannot give a consistent answer now.
        MirrorDiverged: Store and chain disagree.
        TooLarge: The bundle would exceed 4 GiB.
    """
    export = Export(ports, log, with_members, progress)
    progress(0, export.size)
    history = export.history()
    erased = export.erased() if with_members else iter(())
    first_erased = next(erased, None)
    shown: set[int] = set()
    archive = ArchiveWriter(out)
    parts = {
        form.README: [readme(export)],
        form.KEYS: [export.keys()],
        form.ENTRIES: export.entries(),
        form.CHECKPOINTS: export.checkpoints(),
        form.ANCHORS: export.anchors(),
        form.CONSISTENCY: export.consistency(),
        form.DECISIONS: export.decisions(),
        **({form.MEMBERS: export.members()} if with_members else {}),
        **({form.ERASED: chain((first_erased,), erased)} if first_erased else {}),
        form.CONSENTS: export.consents(history),
        form.HEADERS: export.headers(history, _suspicion(export, history), shown),
        form.RECEIPTS: export.receipts(shown),
    }
    files = []
    for name, lines in parts.items():
        member = archive.add(name, lines)
        files.append(form.FileLine(name, member.size, to_hex(member.sha256)))
    manifest = export.manifest(files)
    archive.add(form.MANIFEST, [manifest])
    payload = {"manifest": to_hex(sha256(manifest).digest())}
    archive.add(form.SIGNATURE, [sign_jws(payload, ports.log_keys.receipts, form.MANIFEST_TYPE).encode() + b"\n"])
    archive.finish()
    progress(export.size, export.size)
    return form.from_line(manifest[:-1], form.Manifest, form.MANIFEST)


def _suspicion(export: Export, history: Sequence[Logged]) -> Suspicion:
    events = [*history, *(logged for _, logged in export.heads)]
    contracts = {address: name for name, address in export.ports.reader.contracts.items()}
    searches = later_events([(logged.block_number, logged.event) for logged in events], contracts)
    return lambda header: may_change(read_header(header), searches)
