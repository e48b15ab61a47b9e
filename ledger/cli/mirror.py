"""``consentry mirror``: the SQL copy of the chain."""

import time
from secrets import SystemRandom
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TaskID

from ledger.cli.common import err, opened, out
from ledger.domain.events import Block
from ledger.domain.identifiers import to_hex
from ledger.errors import MirrorDiverged, NotReady, WrongState
from ledger.services.sync import Standing

if TYPE_CHECKING:
    from ledger.bootstrap import Ledger

app = typer.Typer(help="The SQL copy of the chain.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The SQL copy of the chain."""


@app.command()
def status(
    seconds: Annotated[float, typer.Option(help="How long to watch, for the rate.", min=0, max=60)] = 1.0,
) -> None:
    """How far the copy has come: its block, the chain's, the digest, the rate, and who writes it.

    Exit code: 0 at the chain's newest block or on the way there, 1 on another branch than the node, 3 not known.
    """
    with opened() as ledger:
        mirror, reader = ledger.context.mirror, ledger.context.reader
        before = mirror.cursor()
        time.sleep(seconds if before is None or before.block.number < reader.head().number else 0)
        cursor, head, writer = mirror.cursor(), reader.head(), mirror.writer()
        now = ledger.context.clock.now()
        same = cursor is None or cursor.block.number > head.number or reader.block(cursor.block.number) == cursor.block
    said = [("chain", f"block {head.number} {to_hex(head.hash)}")]
    if cursor is None:
        said.append(("copy", "empty"))
    else:
        said.append(("copy", f"block {cursor.block.number} {to_hex(cursor.block.hash)}"))
        said.append(("digest", to_hex(cursor.digest)))
        said.append(("behind", f"{max(head.number - cursor.block.number, 0):,} blocks"))
        if seconds and before is not None and cursor.block.number > before.block.number:
            said.append(("rate", f"{(cursor.block.number - before.block.number) / seconds:,.0f} blocks/s"))
    if writer is None or writer.expires_at <= now:
        said.append(("writer", "nobody: no service runs, or it was stopped hard a moment ago"))
    else:
        said.append(("writer", f"{writer.holder}, number {writer.fence}, for {writer.expires_at - now} s"))
    for name, value in said:
        out.print(f"{name:8}{value}")
    if not same:
        raise MirrorDiverged(
            "the node has another block at the copy's height; a running service will go back by itself"
        )


@app.command("run")
def run_once() -> None:
    """Bring the copy to the chain's newest block, and stop.

    For a long chain, before a service starts on the copy; how far it is shows on standard error. What is taken in
    stays taken in: stopped half-way, it goes on from there. Exit code: 0 there, 1 a service writes the copy, 3 the node
    does not answer, or has not the blocks that the copy has.
    """
    with opened() as ledger:
        progress = ledger.mirror.catch_up()
        writer = ledger.context.mirror.writer()
    if progress.standing is Standing.STANDBY:
        who = writer.holder if writer else "another program"
        raise WrongState(f"{who} writes the copy, and brings it to the newest block by itself; see `mirror status`")
    if progress.standing is Standing.WAITING or progress.cursor is None:
        raise NotReady("the node has not the blocks that the copy has: it is still syncing, or is another; try later")
    block = progress.cursor.block
    out.print(f"At block {block.number} {to_hex(block.hash)}; digest {to_hex(progress.cursor.digest)}.")


@app.command()
def verify(
    samples: Annotated[
        int, typer.Option(help="Subjects whose consents are proved from the contract's storage.", min=0)
    ] = 25,
) -> None:
    """Replay the chain and compare every row of the copy with what comes out.

    Then, of some subjects chosen by chance, the consents are compared with the contract's own storage by eth_getProof
    against the block's header (not on the embedded chain).

    Exit code: 0 all equal, 1 a row differs (the first one is named), 3 could not be checked.
    """
    from ledger.services.mirror_verify import verify_mirror

    with opened() as ledger, Progress(console=err, transient=True) as progress:
        task: TaskID = progress.add_task("replaying the chain", total=None)

        def tell(done: int, last: int) -> None:
            progress.update(task, completed=done, total=last)

        found = verify_mirror(ledger.context.reader, ledger.context.mirror, on_progress=tell)
        proved = _proved(ledger, found.cursor.block, samples) if found.cursor else None
    if found.cursor is None:
        out.print("The copy is empty: nothing was compared.")
        return
    block = found.cursor.block
    out.print(f"Equal: {found.blocks:,} blocks, {found.events:,} events, {found.versions:,} versions of facts,")
    out.print(f"up to block {block.number} {to_hex(block.hash)}; digest {to_hex(found.cursor.digest)}.")
    if proved is None:
        out.print("Not proved from the contract's storage: the embedded chain gives no such proofs.")
    else:
        out.print(f"Proved from the contract's storage: {proved[0]:,} consents, {proved[1]:,} words.")


def _proved(ledger: "Ledger", block: Block, samples: int) -> tuple[int, int] | None:
    """How many consents of subjects chosen by chance were proved, and words of storage; None without a node."""
    if not ledger.settings.rpc_url:
        return None
    mirror, chance = ledger.context.mirror, SystemRandom()
    subjects = mirror.subjects()
    chosen = chance.sample(subjects, min(samples, len(subjects)))
    consents = [consent for subject in chosen for consent in mirror.consents_at(subject, block.number) or ()]
    return len(consents), ledger.chain.check_consents(block, consents) if consents else 0
