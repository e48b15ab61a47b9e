"""``consentry serve``: the API, the pages, and the threads behind them."""

import logging
import sys
from typing import Annotated

import typer

from ledger.cli.common import err, settings

FAILED = 1


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on (default: CONSENTRY_HOST or 127.0.0.1).")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on (default: CONSENTRY_PORT or 8400).")] = 0,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve the API and the pages, follow the chain, carry acts to it, and anchor the logs.

    Data live under CONSENTRY_HOME (default: .consentry here). Stop with Ctrl-C; what was accepted stays accepted.
    """
    from dataclasses import replace

    import uvicorn

    from api.app import create_app
    from ledger.bootstrap import open_ledger

    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise typer.BadParameter("choose debug, info, warning or error", param_hint="--log-level")
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("httpx", "httpcore", "web3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    chosen = settings()
    chosen = replace(chosen, host=host or chosen.host, port=port or chosen.port)
    with open_ledger(chosen) as ledger:
        app = create_app(ledger)
        if not chosen.jwks_url:
            err.print(
                "consentry: tokens are issued on this machine (its key is under CONSENTRY_HOME). That is for trying "
                "out: set CONSENTRY_ISSUER and CONSENTRY_JWKS_URL for anything else.",
                style="yellow",
            )
        ledger.start()
        err.print(f"consentry: {chosen.url} (API: {chosen.url}/docs)", style="bold")
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=chosen.host,
                port=chosen.port,
                log_config=None,
                access_log=False,  # ours leaves queries out, as a sign-in link holds a token
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=10,
                limit_concurrency=2048,
            )
        )
        server.run()
        if not server.started:
            raise typer.Exit(FAILED)
