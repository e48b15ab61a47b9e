"""Entries that people make: an override in an emergency, and the outcome of a check.

Invariants: an override names a recorded decision of its log that refused somebody; it is a record for everybody to see,
and nothing in Consentry ever takes it for a permit. What a check found is written down whatever it was, and of the
entries that were checked, whatever came after them.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.entry_facts import Emergency, Outcome, check_facts
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound, WrongState
from ledger.services.append import Appended, Appender
from ledger.services.context import Context
from ledger.services.fsck import Health
from ledger.transparency import canonical
from ledger.transparency.edge import Edge
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.tree import root_at

MOST_PLACES = 20
"""Findings that an entry names; the report of the check has them all."""


def record_override(
    context: Context,
    appender: Appender,
    log: bytes,
    decision: str,
    *,
    actor: str,
    key: str,
    reason: Emergency,
    justification: bytes,
) -> Appended:
    """Write down that data was used against a decision, in an emergency.

    Args:
        context: The ports.
        appender: The sequencer.
        log: The log of the institution that took it on itself.
        decision: Id (0x-hex) of the recorded decision that refused.
        actor: Who says so.
        key: The idempotency key.
        reason: Code of HL7's purposes of use: emergency treatment, or break the glass.
        justification: Commitment (32 bytes) to what they wrote down.

    Raises:
        NotFound: There is no such decision in this log.
        WrongState: It refused nobody, so there is nothing to override.
    """
    held = context.audit.decision(decision)
    if held is None or held.log != log:
        raise NotFound(f"there is no decision {decision} in log {to_hex(log)}")
    refused = held.considered - held.permitted
    if not refused:
        raise WrongState(f"decision {decision} permits everybody that it was asked about; there is nothing to override")
    request = canonical.decode_object(held.request)
    facts = {"reason": reason, "justification": to_hex(justification), "refused": refused}
    check_facts(Kind.OVERRIDE, facts)
    entry = NewEntry(
        kind=Kind.OVERRIDE,
        actor=actor,
        study=to_hex(held.study),
        engine=to_hex(held.engine),
        operation=str(request["operation"]),
        decision=held.id,
        block=(held.block_number, to_hex(held.block_hash)),
        facts=facts,
    )
    return appender.append(log, key, [entry])


def record_verification(
    context: Context, appender: Appender, log: bytes, facts: Mapping[str, Any], *, actor: str, key: str
) -> Appended:
    """Write down what somebody found who checked a log.

    Args:
        context: The ports.
        appender: The sequencer.
        log: The log.
        facts: As ``entry_facts.Verified`` has them.
        actor: Who checked.
        key: The idempotency key.

    Raises:
        NotFound: There is no such log.
        InvalidInput: The facts are not of that form.
    """
    if context.mirror.institution(log) is None:
        raise NotFound(f"institution {to_hex(log)} is not admitted, so it has no log")
    check_facts(Kind.VERIFICATION, facts)
    return appender.append(log, key, [NewEntry(kind=Kind.VERIFICATION, actor=actor, facts=facts)])


def record_fsck(context: Context, appender: Appender, health: Health) -> Appended:
    """Write down in a log what ``consentry audit fsck`` found of it.

    Raises:
        ConsentryError: The log is so damaged that nothing can be added to it.
    """
    outcome: Outcome = "holds" if health.sound else "fails"
    facts = {
        "check": "fsck",
        "outcome": outcome,
        "size": health.entries,
        "root": to_hex(_root(context, health)),
        "anchored": health.anchored,
        "findings": _places([(found.fault.value, found.index) for found in health.findings]),
    }
    key = f"fsck:{context.entropy.token(16).hex()}"
    return record_verification(context, appender, health.log, facts, actor="service", key=key)


def _root(context: Context, health: Health) -> bytes:
    """The root of the entries that were checked: out of the stored tree only where that was found to be theirs."""
    if health.sound:
        return root_at(context.audit.nodes(health.log), health.entries)
    edge = Edge()
    rows = context.audit.entries(health.log, 0, context.audit.size(health.log))
    for entry in islice(rows, health.entries):
        edge, _ = edge.append(leaf_hash(entry.canonical))
    return edge.root()


def _places(found: Sequence[tuple[str, int | None]]) -> list[dict[str, Any]]:
    return [{"fault": fault, "index": index} for fault, index in found[:MOST_PLACES]]
