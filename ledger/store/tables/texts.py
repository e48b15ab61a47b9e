"""The consent texts themselves."""

from ledger.store.tables.base import Row, hash_column, text_column


class TextRow(Row, table=True):
    """A text by the SHA-256 of its UTF-8 bytes, which is what the chain publishes and patients sign."""

    __tablename__ = "consent_text"
    __table_args__ = ({"sqlite_with_rowid": False},)
    hash: bytes = hash_column(key=True)
    text: str = text_column()
