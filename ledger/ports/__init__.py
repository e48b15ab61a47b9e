"""What the services need of the world, as protocols; the adapters and the tests' fakes implement them.

Every store method is one transaction: when it returns, its effect is durable; when it raises, it had none.
Times are whole seconds UTC. Ids and hashes are 32 bytes.
"""

from ledger.ports.audit import AuditStore, EntryRow, LogWriter
from ledger.ports.chain import ActSigner, ChainReader, ChainWriter, ReceiptProof, SignatureChecker
from ledger.ports.latest import Latest, LatestStore
from ledger.ports.mirror import Cursor, Interval, Lease, MirrorStore, ReadEvent
from ledger.ports.outbox import OutboxStore
from ledger.ports.passkeys import PasskeyStore
from ledger.ports.registers import PagedBits, RegisterStore
from ledger.ports.revocations import RevocationStore, WebhookStore
from ledger.ports.surroundings import Clock, Entropy
from ledger.ports.texts import TextStore
from ledger.ports.vault import ErasureStore, KeyVault, VaultStore
from ledger.ports.witness import CosignatureStore, WitnessAsker

__all__ = [
    "ActSigner",
    "AuditStore",
    "ChainReader",
    "ChainWriter",
    "Clock",
    "CosignatureStore",
    "Cursor",
    "Entropy",
    "EntryRow",
    "ErasureStore",
    "Interval",
    "KeyVault",
    "Latest",
    "LatestStore",
    "Lease",
    "LogWriter",
    "MirrorStore",
    "OutboxStore",
    "PagedBits",
    "PasskeyStore",
    "ReadEvent",
    "ReceiptProof",
    "RegisterStore",
    "RevocationStore",
    "SignatureChecker",
    "TextStore",
    "VaultStore",
    "WebhookStore",
    "WitnessAsker",
]
