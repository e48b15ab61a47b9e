"""A new key for a log's heads.

Invariant: the log itself names the key that follows, in an entry under a head that the old key signed; so whoever has
the old key learns of the new one from the log, and from nobody else.
"""

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound
from ledger.services.append import Appended, Appender
from ledger.services.context import Context


def rotate_log_key(context: Context, appender: Appender, log: bytes) -> Appended:
    """Let a fresh key sign a log's heads from the next one on.

    Killed half-way it is done again with the same key: the entry stands once.

    Args:
        context: The ports.
        appender: The sequencer.
        log: The log's id, 32 bytes.

    Returns:
        The entry that names the new key, under a head that the old key signed.

    Raises:
        NotFound: There is no such log.
    """
    if context.mirror.institution(log) is None:
        raise NotFound(f"institution {to_hex(log)} is not admitted, so it has no log")
    old, new = context.log_keys.note_signer(log).verifier, context.log_keys.next_note_signer(log).verifier
    facts = {"act": "log-key-rotated", "old": str(old), "new": str(new)}
    entry = NewEntry(kind=Kind.ADMINISTRATION, actor="service", facts=facts)
    appended = appender.append(log, f"log-key:{new.key_id.hex()}", [entry])
    context.log_keys.adopt_note_signer(log)
    return appended
