"""``consentry witness``: watch logs of others, and sign their heads."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli.common import err, out, settings
from ledger.errors import InvalidInput
from ledger.transparency.note import VerifierKey

if TYPE_CHECKING:
    from ledger.witness.answer import Witness

app = typer.Typer(help="Watch logs of others, and sign their heads (C2SP tlog-witness).", no_args_is_help=True)
Name = Annotated[str, typer.Option(help="The witness's name in its signatures, such as its host; never change it.")]


@app.callback()
def group() -> None:
    """Watch logs of others, and sign their heads (C2SP tlog-witness)."""


@app.command()
def key(name: Name) -> None:
    """Print this witness's public key, for the logs' settings and for whoever verifies; made at first use."""
    out.print(str(_open(name, []).key), markup=False)


@app.command()
def serve(
    name: Name,
    log: Annotated[
        list[str], typer.Option("--log", help="Key of a log to watch, as GET /v1/logs/ID tells it; repeat for each.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8401,
) -> None:
    """Serve POST /add-checkpoint. A head is signed only if it provably extends the last one signed of its log.

    Key and memory lie under CONSENTRY_HOME; keep the memory: a witness that forgets can be shown another log.
    """
    import uvicorn

    from api.witness import create_app

    try:
        keys = [VerifierKey.parse(one) for one in log]
    except InvalidInput as problem:
        raise InvalidInput(f"--log: {problem}") from problem
    witness = _open(name, keys)
    err.print(f"consentry: witness {witness.key} on http://{host}:{port}", style="bold", markup=False)
    server = uvicorn.Server(uvicorn.Config(create_app(witness), host=host, port=port, log_level="warning"))
    server.run()
    if not server.started:
        sys.exit(1)


def _open(name: str, logs: list[VerifierKey]) -> "Witness":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ledger.bootstrap import SystemClock
    from ledger.identity.secret_file import secret_of
    from ledger.witness.opening import open_witness

    home = settings().home
    secret = secret_of(home / "keys" / "witness.key", lambda: Ed25519PrivateKey.generate().private_bytes_raw())
    return open_witness(home, name, Ed25519PrivateKey.from_private_bytes(secret), logs, SystemClock())
