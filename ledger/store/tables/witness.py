"""What witnesses signed."""

from ledger.store.tables.base import Row, hash_column, number_column, text_column


class CosignatureRow(Row, table=True):
    """A witness's signature line under a log's head of a size."""

    __tablename__ = "cosignature"
    __table_args__ = ({"sqlite_with_rowid": False},)
    log: bytes = hash_column(key=True)
    size: int = number_column(key=True)
    witness: str = text_column(key=True)
    line: str = text_column()
