"""Cohorts over a register."""

from ledger.store.tables.base import Row, bytes_column, hash_column, number_column


class CohortBitsRow(Row, table=True):
    """A decision's bits over the register of a block, and the leaves of their commitment; nobody is named in it."""

    __tablename__ = "cohort_bits"
    decision: bytes = hash_column(key=True)
    block_number: int = number_column()
    block_hash: bytes = hash_column()
    considered: bytes = bytes_column()
    permitted: bytes = bytes_column()
    leaves: bytes = bytes_column()
