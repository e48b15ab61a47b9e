"""The store: one database, in parts that share it."""

from ledger.ports import ReadEvent
from ledger.services.fsck_page import Scan
from ledger.store.audit import SqlAudit
from ledger.store.cosignatures import SqlCosignatures
from ledger.store.database import Database
from ledger.store.erasures import SqlErasures
from ledger.store.latest import SqlLatest
from ledger.store.migrate import upgrade
from ledger.store.mirror import SqlMirror
from ledger.store.outbox import SqlOutbox
from ledger.store.passkeys import SqlPasskeys
from ledger.store.registers import SqlRegisters
from ledger.store.revocations import SqlRevocations, SqlWebhooks
from ledger.store.scanning import scanning
from ledger.store.texts import SqlTexts
from ledger.store.vault import SqlVault


class Store:
    """An open database whose schema is this program's.

    Attributes:
        outbox: Accepted acts (``ports.OutboxStore``).
        latest: The newest of them, and of the erasures (``ports.LatestStore``).
        mirror: The copy of the chain (``ports.MirrorStore``).
        audit: The audit logs (``ports.AuditStore``).
        vault: Sealed personal data (``ports.VaultStore``).
        erasures: Its destruction (``ports.ErasureStore``).
        passkeys: Passkeys and invitations (``ports.PasskeyStore``).
        texts: Consent texts (``ports.TextStore``).
        revocations: The feed of revocations (``ports.RevocationStore``).
        webhooks: Who is sent it (``ports.WebhookStore``).
        registers: Bits of cohorts (``ports.RegisterStore``).
        cosignatures: What witnesses signed (``ports.CosignatureStore``).
    """

    def __init__(self, database: Database, read_event: ReadEvent) -> None:
        self._database = database
        self.outbox = SqlOutbox(database)
        self.latest = SqlLatest(database)
        self.mirror = SqlMirror(database, read_event)
        self.audit = SqlAudit(database)
        self.vault = SqlVault(database)
        self.erasures = SqlErasures(database)
        self.passkeys = SqlPasskeys(database)
        self.texts = SqlTexts(database)
        self.revocations = SqlRevocations(database)
        self.webhooks = SqlWebhooks(database)
        self.registers = SqlRegisters(database)
        self.cosignatures = SqlCosignatures(database)

    @property
    def local(self) -> bool:
        """Whether it is a file of this machine, which answers short questions in microseconds, and no server."""
        return self._database.sqlite

    def scan(self, jobs: int) -> Scan:
        """A way to look at the rows of logs by so many processes, of which this is one."""
        return scanning(self.audit, self._database.address, jobs)

    def close(self) -> None:
        """Close all connections."""
        self.latest.close()
        self._database.close()


def open_store(url: str, read_event: ReadEvent) -> Store:
    """Open a database, bringing its schema up to date first.

    Threads share one store; each method is a transaction of its own.

    Args:
        url: SQLAlchemy address: ``sqlite:////absolute/path.db`` or ``postgresql://user@host/name``.
        read_event: Reads the mirror's events, which are kept as raw logs.

    Raises:
        ConfigurationError: The address is of another kind, the server is too old or does not wait for its disk, or the
            database was made by a newer program.
        NotReady: The database cannot be reached.
    """
    database = Database(url)
    try:
        database.check_server()
        upgrade(database)
    except BaseException:
        database.close()
        raise
    return Store(database, read_event)
