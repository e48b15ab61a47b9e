"""The one place where adapters are built and wired together, and where the clock on the wall is read.

``open_ledger`` gives the ports in one ``Context``, inside a ``Ledger`` whose ``start`` adds the threads (``running``).
"""

import gc
import os
import secrets
import time

import httpx

from ledger.chain.decoding import read_event
from ledger.chain.deployment import PASSKEY_VERIFIER
from ledger.chain.opening import open_embedded, open_rpc
from ledger.chain.relayer import Relayer
from ledger.config import MIB, Settings
from ledger.errors import ConfigurationError
from ledger.export.jobs import Jobs
from ledger.identity.seals import FileLogKeys
from ledger.identity.site import relying_party
from ledger.identity.vault_keys import FileKeyVault
from ledger.notify.webhooks import Notifier
from ledger.running import Ledger
from ledger.services.append import Appender
from ledger.services.context import Context, Limits
from ledger.services.forgotten import Forgotten
from ledger.services.passkeys import Passkeys
from ledger.services.pending import Pending
from ledger.services.registers import Registers
from ledger.services.sync import Change, Mirror
from ledger.services.vault import Vault
from ledger.services.witness import Witnesses
from ledger.snapshot.keeper import Keeper
from ledger.snapshot.progress import Bar
from ledger.store.ontologies import Ontologies
from ledger.store.store import open_store
from ledger.witness.asking import read_witnesses

__all__ = ["Ledger", "SystemClock", "SystemEntropy", "open_ledger"]

MANY_BLOCKS = 500
"""Blocks to take in from which on it is shown how far it is."""
COLLECT_AFTER = 100_000
"""New values after which Python looks for cycles among them. A batch of acts makes tens of thousands in a moment, all
free of cycles; at Python's own 700 a fifth of the time went into looking."""


class SystemClock:
    """The clock on the wall."""

    def now(self) -> int:
        """Seconds UTC."""
        return int(time.time())


class SystemEntropy:
    """The operating system's randomness."""

    def token(self, size: int) -> bytes:
        """``size`` random bytes."""
        return secrets.token_bytes(size)


def open_ledger(settings: Settings, *, writable: bool = True) -> Ledger:
    """Open everything that the settings name.

    Args:
        settings: Where chain, database and keys are.
        writable: False beside a running service: the embedded chain is then only read.

    Raises:
        ConfigurationError: A setting does not fit what is there.
        NotReady: The database or the node cannot be reached.
        WrongState: Another process holds the embedded chain.
    """
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock = SystemClock()
    party = relying_party(settings)
    http = httpx.Client()
    askers = read_witnesses(settings.witnesses, http)
    if settings.witness_quorum > len(askers):
        raise ConfigurationError(
            f"CONSENTRY_WITNESS_QUORUM asks for {settings.witness_quorum} of {len(askers)} witnesses"
        )
    store = open_store(settings.database_url or f"sqlite:///{settings.home / 'ledger.sqlite'}", read_event)
    try:
        if settings.rpc_url:
            chain = open_rpc(settings.rpc_url, settings.home, clock, party=party)
        else:
            chain = open_embedded(
                settings.home, clock, writable=writable, recovery_delay=settings.recovery_delay, party=party
            )
    except BaseException:
        store.close()
        raise
    bars = Bar("reading the copy of the chain", "facts"), Bar("taking in the chain", "blocks", least=MANY_BLOCKS)
    keeper = Keeper(
        store.mirror,
        clock,
        settings.most_staleness,
        Ontologies(settings.home).loaded(),
        bars[0],
        most_bytes=settings.most_snapshot * MIB,
    )
    log_keys = FileLogKeys(settings.home / "keys")

    def changed(_change: Change) -> None:
        keeper.refresh()

    mirror = Mirror(
        chain.reader,
        store.mirror,
        clock,
        confirmations=settings.confirmations,
        holder=f"{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(4)}" if settings.rpc_url else "embedded",
        on_change=changed,
        on_roll_back=store.outbox.unsettle,
        witness=chain.reader.witness if len(settings.rpc_urls) > 1 else None,
        on_progress=bars[1],
    )
    entropy = SystemEntropy()
    context = Context(
        clock=clock,
        entropy=entropy,
        reader=chain.reader,
        writer=chain.writer,
        checker=chain.checker,
        keys=chain.signer,
        outbox=store.outbox,
        mirror=store.mirror,
        audit=store.audit,
        decider=keeper,
        latest=store.latest,
        pending=Pending(store.outbox),
        vault=Vault(store.vault, FileKeyVault(settings.home / "keys" / "vault"), entropy),
        erasures=store.erasures,
        forgotten=Forgotten(store.erasures),
        registers=Registers(store.registers, store.mirror, log_keys.secret("registers of cohorts")),
        texts=store.texts,
        passkeys=Passkeys(
            store.passkeys,
            chain.checker,
            clock,
            party,
            chain.deployment.addresses[PASSKEY_VERIFIER],
            log_keys.secret("challenges for new passkeys"),
        ),
        log_keys=log_keys,
        witnesses=Witnesses(store.audit, store.cosignatures, askers, settings.witness_quorum or len(askers)),
        limits=Limits(
            most_batch=settings.most_batch,
            confirmations=settings.confirmations,
            anchor_accesses=0 if settings.anchor_mode == "heads" else settings.anchor_accesses,
        ),
    )

    def anchored(log: bytes) -> int:
        head = store.mirror.head_of(log)
        return 0 if head is None else head.size

    return Ledger(
        settings=settings,
        context=context,
        appender=Appender(store.audit, clock, log_keys, anchored),
        chain=chain,
        store=store,
        keeper=keeper,
        mirror=mirror,
        relayer=Relayer(store.outbox, chain.writer, clock, settings.batch_acts),
        exports=Jobs(context, settings.home / "exports", settings.export_seconds),
        http=http,
        notifier=Notifier(
            context,
            store.revocations,
            store.webhooks,
            allowed=settings.webhook_hosts.split(","),
            # A proxy would look the name up again, so the address that was looked at would not be the one asked.
            client=httpx.Client(trust_env=False),
        ),
        bars=bars,
    )
