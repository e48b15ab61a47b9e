"""An erasure: what was destroyed of a subject's personal data, and what still has to be said about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Erasure:
    """One pass of destruction. It is final the moment it exists; only its entries in the logs may still be missing.

    Args:
        number: Its place in the order of erasures, from 1.
        id: 0x-hex of 16 random bytes; names it in the logs, and says nothing about the subject.
        subject: Whose data was destroyed. Never written to a log.
        custodian: Whose patient that was; the erasure is always entered in its log.
        actor: Who had it done, such as ``institution:0x..``.
        at: When, seconds UTC.
        local_record: Whether the vault held a record.
        passkeys: Whether there were passkeys, or an invitation to make one.
        openings: Log and index of each decision entry whose row about the subject was destroyed, in order; kept only
            until the entries are written.
        logged: Whether all its entries are written.
    """

    number: int
    id: str
    subject: bytes
    custodian: bytes
    actor: str
    at: int
    local_record: bool
    passkeys: bool
    openings: tuple[tuple[bytes, int], ...]
    logged: bool
