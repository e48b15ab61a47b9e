"""The facts of the Directory, as intervals of blocks; columns as ``domain.flat.columns_of`` names them."""

from ledger.store.tables.base import (
    IntervalRow,
    bytes_column,
    flag_column,
    hash_column,
    interval_arguments,
    number_column,
    small_column,
    text_column,
)


class InstitutionRow(IntervalRow, table=True):
    """A version of an institution."""

    __tablename__ = "institution"
    __table_args__ = interval_arguments("institution", "id")
    id: bytes = hash_column(key=True)
    number: int = number_column()
    name: str = text_column()
    signer: bytes = bytes_column()
    state: int = small_column()


class ReviewerRow(IntervalRow, table=True):
    """A version of a reviewer."""

    __tablename__ = "reviewer"
    __table_args__ = interval_arguments("reviewer", "id")
    id: bytes = hash_column(key=True)
    name: str = text_column()
    signer: bytes = bytes_column()
    active: bool = flag_column()


class TermsRow(IntervalRow, table=True):
    """A published consent text."""

    __tablename__ = "terms"
    __table_args__ = interval_arguments("terms", "hash")
    hash: bytes = hash_column(key=True)
    version: int = number_column()
    language: str = text_column()
    uri: str = text_column()


class StudyRow(IntervalRow, table=True):
    """A version of a study; ``diseases`` is the JSON text of its closures, ``purpose`` that of what more is known."""

    __tablename__ = "study"
    __table_args__ = interval_arguments("study", "id")
    id: bytes = hash_column(key=True)
    institution: bytes = hash_column()
    number: int = number_column()
    title: str = text_column()
    uses: int = small_column()
    conditions: int = small_column()
    required_terms: int = number_column()
    ethics: bytes = hash_column()
    ethics_until: int = number_column()
    diseases: str = text_column()
    state: int = small_column()
    purpose: bytes = bytes_column()


class StudyApprovalRow(IntervalRow, table=True):
    """A reviewer's approval of a study."""

    __tablename__ = "study_approval"
    __table_args__ = interval_arguments("study_approval", "study", "reviewer")
    study: bytes = hash_column(key=True)
    reviewer: bytes = hash_column(key=True)


class EngineRow(IntervalRow, table=True):
    """A version of an engine."""

    __tablename__ = "engine"
    __table_args__ = interval_arguments("engine", "id")
    id: bytes = hash_column(key=True)
    institution: bytes = hash_column()
    name: str = text_column()
    signer: bytes = bytes_column()
    operations: int = small_column()
    state: int = small_column()


class DatasetRow(IntervalRow, table=True):
    """A version of a dataset; ``terms`` are the bytes of their JSON, as the chain has them."""

    __tablename__ = "dataset"
    __table_args__ = interval_arguments("dataset", "id")
    id: bytes = hash_column(key=True)
    custodian: bytes = hash_column()
    terms: bytes = bytes_column()
    version: int = number_column()
    state: int = small_column()


class PauseRow(IntervalRow, table=True):
    """Whether grants are paused; the one fact without a key."""

    __tablename__ = "pause"
    __table_args__ = interval_arguments("pause")
    paused: bool = flag_column()
