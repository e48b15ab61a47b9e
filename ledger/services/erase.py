"""Erasing a person: the record that names them, and what opens the commitments about them.

What goes: the vault's row (with its wrapped key and blind index), passkeys and invitation, and the subject's rows
beside the log's decisions.
What stays: the subject's random id with its consents on the chain, and every entry, leaf, proof, head and receipt. They
verify as before, and lead to nobody.

Invariants:

- Destruction comes first and in one transaction; from then on every decision on the subject is a deny. The entries
  that say so follow, once each; a process that dies in between leaves them to the next call, or to the next start.
- An entry names what kind of data was destroyed, when, by whom, and beside which entries; never the subject.

Source: https://eur-lex.europa.eu/eli/reg/2016/679/oj (article 17)
"""

from collections import defaultdict

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.erasure import Erasure
from ledger.domain.identifiers import to_hex
from ledger.errors import ConsentryError
from ledger.services.append import Appender
from ledger.services.context import Context

ID_BYTES = 16
MOST_INDICES = 2_000
"""Indices in one entry; an entry is at most 64 KiB."""


def erase(context: Context, appender: Appender, subject: bytes, custodian: bytes, actor: str) -> list[Erasure]:
    """Destroy all personal data about a subject. Again is the same, and finishes what was interrupted.

    Args:
        context: The ports.
        appender: The sequencer.
        subject: Whose data.
        custodian: The institution that enrolled the subject; the erasure is entered in its log.
        actor: Who has it done, such as ``institution:0x..``.

    Returns:
        The subject's erasures, all entered in the logs.

    Raises:
        NotReady: The data are destroyed, but the database's files could not be cleaned now; call again.
    """
    context.erasures.destroy(
        subject, id=to_hex(context.entropy.token(ID_BYTES)), custodian=custodian, actor=actor, at=context.clock.now()
    )
    finish(context, appender, subject)
    context.erasures.scrub()
    return context.erasures.of(subject)


def finish(context: Context, appender: Appender, subject: bytes | None = None) -> int:
    """Write the entries of erasures (of a subject) that a dying process left out; returns how many erasures.

    Raises:
        ConsentryError: A log cannot be written now; all others were.
    """
    unlogged = context.erasures.unlogged(subject)
    problems: list[ConsentryError] = []
    for erasure in unlogged:
        before = len(problems)
        for log, entries in _entries(erasure).items():
            try:
                appender.append(log, f"erasure:{erasure.id}", entries)
            except ConsentryError as problem:
                problems.append(problem)
        if len(problems) == before:
            context.erasures.logged(erasure)
    if problems:
        raise problems[0]
    return len(unlogged)


def _entries(erasure: Erasure) -> dict[bytes, list[NewEntry]]:
    places: dict[bytes, list[int]] = defaultdict(list)
    for log, index in erasure.openings:
        places[log].append(index)
    places.setdefault(erasure.custodian, [])
    entries = {}
    for log, indices in places.items():
        at_home = (
            {"local-record": erasure.local_record, "passkeys": erasure.passkeys} if log == erasure.custodian else {}
        )
        kept = [name for name, was_there in at_home.items() if was_there]
        parts = [indices[at : at + MOST_INDICES] for at in range(0, len(indices), MOST_INDICES)] or [[]]
        entries[log] = [
            NewEntry(
                kind=Kind.ERASURE,
                actor=erasure.actor,
                facts={
                    "erasure": erasure.id,
                    "at": erasure.at,
                    "destroyed": (kept if number == 0 else []) + ["openings"] * bool(part),
                    "openings": part,
                },
            )
            for number, part in enumerate(parts)
        ]
    return entries
