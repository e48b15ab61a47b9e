"""Who used my data: every decision that considered a subject, and what came of it."""

from dataclasses import dataclass

from ledger.domain.audit import DecisionRecord, Member, StoredEntry
from ledger.domain.directory import Engine, Institution, Study
from ledger.domain.policy import Request
from ledger.services.context import Context
from ledger.services.replay import request_of


@dataclass(frozen=True, slots=True)
class Use:
    """One question about the subject's data, its answer, and the log entries that followed.

    ``anchored`` is the size of the log that the chain holds: entries below it are final.
    """

    record: DecisionRecord
    member: Member
    request: Request
    study: Study | None
    engine: Engine | None
    institution: Institution | None
    entries: tuple[StoredEntry, ...]
    anchored: int


def uses_of(context: Context, subject: bytes, *, before: str = "", limit: int = 100) -> list[Use]:
    """Uses, and refused attempts, of a subject's data, newest first; only those before the decision ``before``."""
    uses = []
    for record, member in context.audit.decisions_on(subject, before=before, limit=limit):
        engine = context.mirror.engine(record.engine)
        head = context.mirror.head_of(record.log)
        uses.append(
            Use(
                record=record,
                member=member,
                request=request_of(record),
                study=context.mirror.study(record.study),
                engine=engine,
                institution=None if engine is None else context.mirror.institution(engine.institution),
                entries=tuple(context.audit.entries_of_decision(record.id)),
                anchored=0 if head is None else head.size,
            )
        )
    return uses
