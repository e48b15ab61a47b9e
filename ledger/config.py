"""Settings: frozen, read from the environment once, by bootstrap.

Everything lives under ``CONSENTRY_HOME``; nothing is written elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import ConfigurationError

MIB = 1 << 20
ANCHOR_MODES = ("full", "heads")
MOST_ACCESSES = 3_000
"""Accesses in one anchoring: nodes take transactions of up to 128 KiB into their pools, and an access has 40 bytes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, with the environment variable of each.

    Attributes:
        home: ``CONSENTRY_HOME``: data folder (default ``.consentry`` in the working folder).
        rpc_url: ``CONSENTRY_RPC_URL``: JSON-RPC address of a node (``http``, ``https``, ``ws`` or ``wss``), or of
            several of one chain with commas between: the first is asked, the next when it does not answer, and all of
            them must agree on final blocks. Empty: the embedded chain under ``home``.
        database_url: ``CONSENTRY_DATABASE_URL``: SQLAlchemy URL; empty: SQLite under ``home``.
        public_url: ``CONSENTRY_PUBLIC_URL``: where people reach the API.
        rp_id: ``CONSENTRY_RP_ID``: the domain that passkeys are made for (default: the host of ``public_url``). It can
            never change once patients have passkeys.
        origins: ``CONSENTRY_ORIGINS``: pages that passkeys may be used on, with commas between (default: the origin of
            ``public_url``).
        host, port: ``CONSENTRY_HOST``, ``CONSENTRY_PORT``: where the API listens.
        issuer: ``CONSENTRY_ISSUER``: expected ``iss`` of tokens; empty: the local issuer at ``public_url``.
        jwks_url: ``CONSENTRY_JWKS_URL``: keys of that issuer; empty: the local issuer's own.
        audience: ``CONSENTRY_AUDIENCE``: expected ``aud`` of tokens.
        confirmations: ``CONSENTRY_CONFIRMATIONS``: blocks on top of a block before it counts as final.
        batch_acts: ``CONSENTRY_BATCH_ACTS``: most acts in one transaction.
        anchor_seconds: ``CONSENTRY_ANCHOR_SECONDS``: longest time between an entry and its anchor; 0: only when asked.
        anchor_mode: ``CONSENTRY_ANCHOR_MODE``: ``full``: heads and the accesses since the last one; ``heads``: heads
            alone, for a chain where bytes are dear. Who reads the chain then sees no accesses; the log still proves
            them.
        anchor_accesses: ``CONSENTRY_ANCHOR_ACCESSES``: most accesses in one anchoring, 1 to 3,000; a log with more
            takes several, one after the other.
        most_staleness: ``CONSENTRY_MOST_STALENESS``: seconds the mirror may be behind the node before answers stop.
        most_snapshot: ``CONSENTRY_MOST_SNAPSHOT``: MiB of memory that the facts which decide may take in a process;
            past it there are no answers. 0: no bound.
        most_body: ``CONSENTRY_MOST_BODY``: bytes of a request body.
        most_batch: ``CONSENTRY_MOST_BATCH``: items of one request.
        requests_per_minute: ``CONSENTRY_REQUESTS_PER_MINUTE``: for one caller; 0: no bound.
        witnesses: ``CONSENTRY_WITNESSES``: who signs the logs' heads beside us: key and address of each witness, with
            a space between, and commas between witnesses.
        witness_quorum: ``CONSENTRY_WITNESS_QUORUM``: how many of them must have signed a head before it is shown to
            readers; 0: all of them.
        smallest_cell: ``CONSENTRY_SMALLEST_CELL``: counts below it are suppressed for researchers.
        recovery_delay: ``CONSENTRY_RECOVERY_DELAY``: seconds in which signers can object to the recovery of a lost
            key; it is fixed when the contracts are deployed.
        webhook_hosts: ``CONSENTRY_WEBHOOK_HOSTS``: hosts in private networks, and this machine, that webhooks may be
            sent to (http too), with commas between.
        export_seconds: ``CONSENTRY_EXPORT_SECONDS``: how long the file of a finished export is kept.
    """

    home: Path
    rpc_url: str = ""
    database_url: str = ""
    public_url: str = ""
    rp_id: str = ""
    origins: str = ""
    host: str = "127.0.0.1"
    port: int = 8400
    issuer: str = ""
    jwks_url: str = ""
    audience: str = "consentry"
    witnesses: str = ""
    webhook_hosts: str = ""
    witness_quorum: int = 0
    confirmations: int = 0
    batch_acts: int = 200
    anchor_seconds: int = 30
    anchor_mode: str = "full"
    anchor_accesses: int = 1_000
    most_staleness: int = 30
    most_snapshot: int = 0
    most_body: int = 8 * MIB
    most_batch: int = 10_000
    requests_per_minute: int = 0
    smallest_cell: int = 11
    recovery_delay: int = 7 * 86_400
    export_seconds: int = 86_400

    @classmethod
    def read(cls, environment: Mapping[str, str], working_folder: Path) -> "Settings":
        """Read the settings.

        Args:
            environment: The process's environment.
            working_folder: Where a relative ``CONSENTRY_HOME`` starts.

        Raises:
            ConfigurationError: A number is not one, is negative or out of its bounds, or a word is none of those known.
        """
        texts: dict[str, str] = {}
        for name in (
            "rpc_url",
            "database_url",
            "public_url",
            "rp_id",
            "origins",
            "host",
            "issuer",
            "jwks_url",
            "audience",
            "witnesses",
            "webhook_hosts",
            "anchor_mode",
        ):
            value = environment.get(f"CONSENTRY_{name.upper()}", "")
            if value:
                texts[name] = value
        numbers: dict[str, int] = {}
        for name in (
            "port",
            "confirmations",
            "batch_acts",
            "anchor_seconds",
            "anchor_accesses",
            "most_staleness",
            "most_snapshot",
            "most_body",
            "most_batch",
            "requests_per_minute",
            "smallest_cell",
            "witness_quorum",
            "recovery_delay",
            "export_seconds",
        ):
            variable = f"CONSENTRY_{name.upper()}"
            value = environment.get(variable, "")
            if value:
                if not (value.isascii() and value.isdecimal()):
                    raise ConfigurationError(f"{variable} must be a whole number, not {value!r}")
                numbers[name] = int(value)
        if texts.get("anchor_mode", "full") not in ANCHOR_MODES:
            raise ConfigurationError(f"CONSENTRY_ANCHOR_MODE must be one of {', '.join(ANCHOR_MODES)}")
        if not 0 < numbers.get("anchor_accesses", 1) <= MOST_ACCESSES:
            raise ConfigurationError(f"CONSENTRY_ANCHOR_ACCESSES must be 1 to {MOST_ACCESSES}; mode 'heads' has none")
        home = working_folder / (environment.get("CONSENTRY_HOME") or ".consentry")
        return cls(home=home.resolve(), **texts, **numbers)  # type: ignore[arg-type]

    @property
    def rpc_urls(self) -> list[str]:
        """The addresses in ``rpc_url``, one by one."""
        return [url.strip() for url in self.rpc_url.split(",") if url.strip()]

    @property
    def url(self) -> str:
        """Where people reach the API."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def token_issuer(self) -> str:
        """The issuer that tokens must come from."""
        return self.issuer or self.url
