"""``consentry chain``: the chain that holds the truth."""

from typing import Annotated

import typer

from ledger.cli.common import Whole, opened, out, settings
from ledger.domain.identifiers import to_hex
from ledger.errors import ConfigurationError

app = typer.Typer(help="The chain that holds the truth.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The chain that holds the truth."""


@app.command()
def status() -> None:
    """Show the chain, its contracts, and how far the copy has come."""
    with opened() as ledger:
        reader = ledger.context.reader
        head = reader.head()
        cursor = ledger.context.mirror.cursor()
        rows = {
            "chain": f"{reader.chain_id} ({settings().rpc_url or 'embedded'})",
            "head": f"{head.number} {to_hex(head.hash)}",
            "copy": "empty" if cursor is None else f"{cursor.block.number} {to_hex(cursor.block.hash)}",
            **{name: to_hex(address) for name, address in reader.contracts.items()},
        }
    table = Whole(None, None)
    for name, value in rows.items():
        table.add(name, value)
    out.print(table)


@app.command()
def deploy(
    approvals: Annotated[int, typer.Option(help="How many reviewers must approve a study.", min=1)] = 1,
) -> None:
    """Deploy the contracts on the node at CONSENTRY_RPC_URL from the consortium's account, once.

    The embedded chain needs no deployment: it is made at the first start.
    """
    from ledger.bootstrap import SystemClock
    from ledger.chain.opening import deploy_rpc

    chosen = settings()
    if not chosen.rpc_url:
        raise ConfigurationError("set CONSENTRY_RPC_URL; the embedded chain deploys by itself at its first start")
    chain = deploy_rpc(
        chosen.rpc_url,
        chosen.home,
        SystemClock(),
        approvals_required=approvals,
        recovery_delay=chosen.recovery_delay,
    )
    try:
        for name, address in chain.reader.contracts.items():
            out.print(f"{name} {to_hex(address)}")
    finally:
        chain.close()
