"""``consentry verify``: checks a bundle, a consent receipt or a proof file, offline: no database, no network."""

import json
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from ledger.cli.common import Whole, err, out
from ledger.cli.nodes import HttpNode
from ledger.domain.identifiers import parse_bytes
from ledger.errors import InvalidInput
from ledger.provenance import participation
from ledger.transparency import canonical, cose
from ledger.transparency.cosignature import Quorum, WitnessKey
from ledger.transparency.note import VerifierKey
from ledger.transparency.tlog_proof import HEADER, MOST_CHARACTERS

if TYPE_CHECKING:
    from ledger.verify.report import Report

_STYLES = {"pass": "green", "fail": "bold red", "could not check": "yellow"}
_WORDS = {
    "pass": "It holds.",
    "fail": "It does NOT hold.",
    "could not check": "Nothing fails, but not everything could be checked.",
}


_OBJECT: Final = (b"{", b" ", b"\t", b"\r", b"\n")


class _Kind(StrEnum):
    """What a file is taken for, as it is named to whoever gave it."""

    BUNDLE = "a bundle"
    TLOG_PROOF = "a .tlog-proof"
    COSE_RECEIPT = "a COSE receipt"
    PARTICIPATION = "a patient's proof"
    RECEIPT = "a consent receipt"


_TAKES: Final[dict[_Kind, tuple[str, ...]]] = {
    _Kind.BUNDLE: ("--block", "--contract", "--witness", "--quorum", "--rpc"),
    _Kind.TLOG_PROOF: ("--entry", "--log-key", "--witness", "--quorum"),
    _Kind.COSE_RECEIPT: ("--entry", "--log-key"),
    _Kind.PARTICIPATION: ("--log-key", "--jwks"),
    _Kind.RECEIPT: ("--block", "--contract", "--jwks", "--bundle", "--text"),
}
"""What may be given beside each kind of file. Another demand could not be met, and must not look as if it were."""


def verify(
    file: Annotated[
        Path,
        typer.Argument(
            help="A bundle, a consent receipt, a .tlog-proof, a COSE receipt, or a patient's proof.",
            exists=True,
            dir_okay=False,
        ),
    ],
    block: Annotated[
        str,
        typer.Option(
            "--block", help="Hash of the bundle's last block, or the receipt's, from a node that you trust (0x-hex)."
        ),
    ] = "",
    contract: Annotated[
        list[str] | None,
        typer.Option("--contract", help="NAME=ADDRESS of a contract as the consortium published it; repeat for each."),
    ] = None,
    jwks: Annotated[
        Path | None,
        typer.Option(
            help="For a receipt or a patient's proof: the service's key document, from a source that you trust.",
            exists=True,
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(help="For a receipt: a bundle that shows its block, instead of its own proof.", exists=True),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="For a receipt: the consent text, to see that it is the one.", exists=True)
    ] = None,
    entry: Annotated[
        Path | None, typer.Option(help="For a proof of one entry: the entry, as the service answers it.", exists=True)
    ] = None,
    log_key: Annotated[
        list[str] | None,
        typer.Option(
            "--log-key",
            help="For a proof of one entry, or a patient's: the log's key, from a source that you trust; repeat.",
        ),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", help="Key of a witness that must have seen the log's head; repeat for each."),
    ] = None,
    quorum: Annotated[
        int,
        typer.Option("--quorum", min=0, help="How many of them are enough (default: all).", show_default=False),
    ] = 0,
    rpc: Annotated[
        list[str] | None,
        typer.Option(
            "--rpc", help="For a bundle: a node that must have its block on the chain; repeat. This uses the network."
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say for each check what it proves and what not.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a bundle, a consent receipt or a proof file, and say for each claim: pass, fail, or could not check.

    Exit code: 0 holds, 1 fails, 2 wrong usage, 3 could not be checked.
    """
    contracts = dict(_contract(text) for text in contract or [])
    given = parse_bytes(block, what="--block", size=32) if block else None
    kind = _kind_of(file)
    _refuse_what_is_not_for(
        kind,
        {
            "--block": block,
            "--contract": contract,
            "--jwks": jwks,
            "--bundle": bundle,
            "--text": text,
            "--entry": entry,
            "--log-key": log_key,
            "--witness": witness,
            "--quorum": quorum,
            "--rpc": rpc,
        },
    )
    witnesses = tuple(map(WitnessKey.parse, witness or []))
    needed = Quorum(witnesses, quorum or len(witnesses)) if witnesses or quorum else None
    if kind is _Kind.BUNDLE:
        from ledger.verify.checks import verify_bundle

        report = verify_bundle(
            file, given, contracts=contracts or None, quorum=needed, nodes=list(map(HttpNode, rpc or []))
        )
    elif kind in {_Kind.TLOG_PROOF, _Kind.COSE_RECEIPT}:
        report = _proof(file, kind, entry, log_key or [], needed)
    elif kind is _Kind.PARTICIPATION:
        from ledger.verify.participation import verify_participation

        keys = [VerifierKey.parse(key) for key in log_key or []]
        report = verify_participation(file.read_bytes(), keys, None if jwks is None else _document(jwks))
    else:
        report = _receipt(file, given, contracts, jwks, bundle, text)
    if as_json:
        fields = ("name", "status", "detail", "proves", "does_not_prove")
        checks = [{name: str(getattr(check, name)) for name in fields} for check in report.checks]
        out.print_json(data={"verdict": report.verdict.value, "checks": checks})
        raise typer.Exit(report.exit_code)
    table = Whole("check", "", "found")
    for check in report.checks:
        detail = check.detail
        if explain:
            detail += f"\nproves: {check.proves}\ndoes not prove: {check.does_not_prove}"
        table.add(check.name, f"[{_STYLES[check.status.value]}]{check.status.value}[/]", escape(detail))
    out.print(table)
    verdict = report.verdict.value
    out.print(f"[{_STYLES[verdict]}]{_WORDS[verdict]}[/]")
    raise typer.Exit(report.exit_code)


def _kind_of(file: Path) -> _Kind:
    """What a file is by its first bytes; what is nothing else is read as a receipt, whose form then fails."""
    with file.open("rb") as opened:
        start = opened.read(participation.MOST_BYTES)
    if start.startswith(b"PK"):
        return _Kind.BUNDLE
    if start.startswith(HEADER.encode()):
        return _Kind.TLOG_PROOF
    if start.startswith(cose.FIRST_BYTE):
        return _Kind.COSE_RECEIPT
    if participation.FORMAT.encode() in start:
        return _Kind.PARTICIPATION
    if not start.startswith(_OBJECT):
        known = ", ".join(_Kind)
        err.print(f"consentry: {file} begins as none of what can be checked ({known}); was it damaged?", markup=False)
    return _Kind.RECEIPT


def _refuse_what_is_not_for(kind: _Kind, given: dict[str, Any]) -> None:
    idle = [name for name, value in given.items() if value and name not in _TAKES[kind]]
    if idle:
        raise InvalidInput(
            f"the file is {kind}, of which {', '.join(idle)} cannot be checked; it takes {', '.join(_TAKES[kind])}"
        )


def _proof(file: Path, kind: _Kind, entry: Path | None, keys: list[str], quorum: Quorum | None) -> "Report":
    from ledger.verify.inclusion import verify_cose_receipt, verify_tlog_proof

    if entry is None:
        raise typer.BadParameter("a proof file is checked with its entry: --entry FILE", param_hint="--entry")
    document = _document(entry)
    said = canonical.encode(document.get("document", document))
    known = [VerifierKey.parse(key) for key in keys]
    with file.open("rb") as opened:
        data = opened.read(MOST_CHARACTERS + 1)
    if kind is _Kind.COSE_RECEIPT:
        return verify_cose_receipt(data, said, known)
    return verify_tlog_proof(data.decode(errors="replace"), said, known, quorum)


def _receipt(
    file: Path,
    block: bytes | None,
    contracts: dict[str, bytes],
    jwks: Path | None,
    bundle: Path | None,
    text: Path | None,
) -> "Report":
    from ledger.verify.consent_receipt import MOST_BYTES, verify_consent_receipt

    with ExitStack() as stack:
        return verify_consent_receipt(
            stack.enter_context(file.open("rb")).read(MOST_BYTES + 1),
            jwks=None if jwks is None else _document(jwks),
            block_hash=block,
            bundle=None if bundle is None else stack.enter_context(bundle.open("rb")),
            contract=contracts.get("ConsentRegistry"),
            text=None if text is None else text.read_bytes(),
        )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes(), object_pairs_hook=canonical.once)
    except (OSError, ValueError) as problem:
        raise InvalidInput(f"{path} is not JSON: {problem}") from problem
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} is not a JSON object")
    return document


def _contract(text: str) -> tuple[str, bytes]:
    name, separator, address = text.partition("=")
    if not separator or not name:
        raise typer.BadParameter("write NAME=0xADDRESS", param_hint="--contract")
    return name, parse_bytes(address, what=f"the address of {name}", size=20)
