"""The tables, one module a noun; importing this package fills ``METADATA``."""

from ledger.store.tables.audit import AuditEntry, AuditLog, Checkpoint, Decision, DecisionMember, TreeTile
from ledger.store.tables.base import METADATA
from ledger.store.tables.chain import Block, Event, MirrorCursor, WriterLease
from ledger.store.tables.directory import (
    DatasetRow,
    EngineRow,
    InstitutionRow,
    PauseRow,
    ReviewerRow,
    StudyApprovalRow,
    StudyRow,
    TermsRow,
)
from ledger.store.tables.outbox import OutboxItem, Transmission, TransmissionItem
from ledger.store.tables.passkeys import InvitationRow, PasskeyRow
from ledger.store.tables.registers import CohortBitsRow
from ledger.store.tables.registry import (
    AccessEventRow,
    AnchoredHeadRow,
    ConsentRow,
    RecoveryRow,
    RefusalRow,
    SignerRow,
    SpentIdRow,
    SubjectRow,
)
from ledger.store.tables.revocations import RevocationCursor, RevocationRow, WebhookRow
from ledger.store.tables.texts import TextRow
from ledger.store.tables.vault import ErasedMember, Erasure, ErasureOpening, VaultKey, VaultRecord
from ledger.store.tables.witness import CosignatureRow

__all__ = [
    "METADATA",
    "AccessEventRow",
    "AnchoredHeadRow",
    "AuditEntry",
    "AuditLog",
    "Block",
    "Checkpoint",
    "CohortBitsRow",
    "ConsentRow",
    "CosignatureRow",
    "DatasetRow",
    "Decision",
    "DecisionMember",
    "EngineRow",
    "ErasedMember",
    "Erasure",
    "ErasureOpening",
    "Event",
    "InstitutionRow",
    "InvitationRow",
    "MirrorCursor",
    "OutboxItem",
    "PasskeyRow",
    "PauseRow",
    "RecoveryRow",
    "RefusalRow",
    "ReviewerRow",
    "RevocationCursor",
    "RevocationRow",
    "SignerRow",
    "SpentIdRow",
    "StudyApprovalRow",
    "StudyRow",
    "SubjectRow",
    "TermsRow",
    "TextRow",
    "Transmission",
    "TransmissionItem",
    "TreeTile",
    "VaultKey",
    "VaultRecord",
    "WebhookRow",
    "WriterLease",
]
