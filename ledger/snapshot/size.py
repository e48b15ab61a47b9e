"""What a table takes of the memory.

It counts the columns, the index and the late ids, which grow with the facts; what is kept of questions and profiles is
bounded by itself.
"""

import sys
from typing import Final

from ledger.snapshot.table import State

LEAST_A_SUBJECT: Final = 128
"""Bytes that every subject takes, whatever its consents: so that a table which cannot fit is not read to its end."""
_LATE: Final = 96
"""Bytes of an id and a number in ``late``, beside their places in it."""


def bytes_of(state: State) -> int:
    """The bytes of a table, with its spare room."""
    shared = state.shared
    columns = (
        *(column for rows in (shared.first, shared.more) for column in (*rows.values(), rows.dead)),
        shared.ids,
        shared.custodian,
        shared.tags,
        shared.head,
        shared.next,
        shared.owner,
    )
    arrays = sum(column.array.nbytes for column in columns)
    return shared.finder.nbytes + arrays + sys.getsizeof(shared.late) + _LATE * len(shared.late)
