"""The server's processes: what each is made of, and how it begins and ends.

Several processes answer on one socket over one PostgreSQL. Each holds a copy of the facts and asks the database at each
question what was accepted meanwhile, so that a withdrawal taken by one is a denial at all from then on. The one that
has the mirror's lease follows the chain, carries acts to it and anchors; when it ends another takes over.

Invariants: a process that is told to stop answers what it began.
"""

import logging
import sys
from functools import partial
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.hot.door import HotDoor
from ledger.bootstrap import Ledger, open_ledger
from ledger.config import Settings
from ledger.errors import ConfigurationError

STARTING: Final = 600
"""Seconds that a process may take to read its modules and the facts."""
_NOISY: Final = ("httpx", "httpcore", "web3")


class Lifetime:
    """Starts a ledger's threads with the server, and closes it with it.

    Args:
        app: The application on the ledger.
        ledger: The ledger.

    Source: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
    """

    def __init__(self, app: ASGIApp, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger
        self.door = app if isinstance(app, HotDoor) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin or end, or pass a request on."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._ledger.start()
            else:
                self._ledger.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def log_to_stderr(level: int) -> None:
    """Write the log of this process to its standard error."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def create_worker(settings: Settings, level: int) -> ASGIApp:
    """The application of one process, with a ledger of its own."""
    log_to_stderr(level)
    ledger = open_ledger(settings)
    return Lifetime(create_app(ledger), ledger)


def check_workers(settings: Settings, workers: int) -> None:
    """Return if several processes can work on what the settings name.

    Raises:
        ConfigurationError: The chain or the database belongs to one process.
    """
    if workers > 1 and not (settings.rpc_url and settings.database_url.startswith("postgresql")):
        raise ConfigurationError(
            "several workers share a node and a PostgreSQL: set CONSENTRY_RPC_URL and CONSENTRY_DATABASE_URL, or leave "
            "--workers out"
        )


def serve(settings: Settings, *, level: int, workers: int = 1) -> bool:
    """Serve until told to stop.

    Args:
        settings: Where things are.
        level: The least that is logged.
        workers: Processes that answer.

    Returns:
        Whether it ever came up.

    Raises:
        ConfigurationError: Several processes cannot work on what the settings name.
    """
    check_workers(settings, workers)
    create = partial(create_worker, settings, level)
    if workers > 1:  # what is wrong with the settings is said once, and the schema is brought up to date once
        open_ledger(settings).close()
    config = uvicorn.Config(
        create if workers > 1 else create(),
        factory=workers > 1,
        host=settings.host,
        port=settings.port,
        workers=workers,
        timeout_worker_healthcheck=STARTING,  # one that still starts must not be ended for its silence
        http=protocol(),
        log_config=None,
        access_log=False,  # ours leaves queries out, as a sign-in link holds a token
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        limit_concurrency=2048,
    )
    if workers == 1:
        server = uvicorn.Server(config)
        server.run()
        return server.started
    socket = config.bind_socket()
    try:
        Multiprocess(config, [socket]).run()
    finally:
        socket.close()
    return True


def protocol() -> str:
    """The uvicorn protocol that parses requests, by the address of its class; its own, in Python, without httptools."""
    try:
        import api.hot.line
    except ImportError:
        return "h11"
    return f"{api.hot.line.__name__}:HotLine"
