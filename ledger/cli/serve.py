"""``consentry serve``: the API, the pages, and the threads behind them."""

import logging
from typing import Annotated

import typer

from ledger.cli.common import err, settings

FAILED = 1


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on (default: CONSENTRY_HOST or 127.0.0.1).")] = "",
    port: Annotated[
        int, typer.Option(help="Port to listen on (default: CONSENTRY_PORT or 8400).", show_default=False)
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer; more than one needs PostgreSQL.")] = 1,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve the API and the pages, follow the chain, carry acts to it, and anchor the logs.

    Data live under CONSENTRY_HOME (default: .consentry here). Stop with Ctrl-C; what was accepted stays accepted.
    """
    from dataclasses import replace

    from api import worker

    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise typer.BadParameter("choose debug, info, warning or error", param_hint="--log-level")
    worker.log_to_stderr(level)
    chosen = settings()
    chosen = replace(chosen, host=host or chosen.host, port=port or chosen.port)
    if not chosen.jwks_url:
        err.print(
            "consentry: tokens are issued on this machine (its key is under CONSENTRY_HOME). That is for trying "
            "out: set CONSENTRY_ISSUER and CONSENTRY_JWKS_URL for anything else.",
            style="yellow",
        )
    err.print(f"consentry: {chosen.url} (API: {chosen.url}/docs)", style="bold")
    if not worker.serve(chosen, level=level, workers=workers):
        raise typer.Exit(FAILED)
