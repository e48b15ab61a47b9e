"""What an engine asks: the cohort of one computation.

A request is checked before it is sent, so that a misspelt operation fails on the engine's own machine, and it keeps the
set of subjects that it named, so that an answer about anybody else is seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ledger.domain.identifiers import parse_id
from ledger.domain.policy import Request
from ledger.domain.vocabulary import FOREVER
from ledger.domain.wording import categories_of, operation_of, request_to_json, window_from_json, window_to_json
from ledger.errors import InvalidInput
from ledger.transparency.canonical import encode

ALL: Final = "all"
Subjects = Iterable[str] | Literal["all"]


@dataclass(frozen=True, slots=True)
class CohortRequest:
    """A study's question: which of these subjects allow this operation on these categories.

    Attributes:
        study: Study id, 0x-hex; the study carries the purpose.
        engine: Engine id, 0x-hex.
        operation: API name of the one operation, such as ``differential-privacy``.
        categories: API names of every category that is used.
        subjects: Subject ids, 0x-hex, without repeats; None: every enrolled subject.
        custodian: Institution id whose enrolled subjects are asked about; "" for no such limit.
        data_window: When the data were recorded: seconds UTC, half open; None: at any time.
        dataset: Id of the custodian's dataset that is used, 0x-hex; "": all of the custodian's data, so that each of
            its datasets must allow the study.
        at_least_block: Number of a block that the answer must have seen; None: the newest that the ledger has.
    """

    study: str
    engine: str
    operation: str
    categories: tuple[str, ...]
    subjects: tuple[str, ...] | None = None
    custodian: str = ""
    data_window: tuple[int, int] | None = None
    at_least_block: int | None = None
    dataset: str = ""

    def __post_init__(self) -> None:
        parse_id(self.study, what="study")
        parse_id(self.engine, what="engine")
        operation_of(self.operation)
        if not categories_of(self.categories):
            raise InvalidInput("categories is empty: name every category of data that the computation uses")
        if self.dataset:
            parse_id(self.dataset, what="dataset")
        if self.custodian:
            parse_id(self.custodian, what="custodian")
            if self.subjects is not None:
                raise InvalidInput("a cohort is asked by subjects or by custodian, not by both")
        if self.data_window is not None:
            window_from_json({"from": self.data_window[0], "until": self.data_window[1]})
        if self.subjects is not None:
            if not self.subjects:
                raise InvalidInput("subjects is empty: name those whose data the computation would use")
            for subject in self.subjects:
                parse_id(subject, what="subject")
            if len(set(self.subjects)) != len(self.subjects):
                raise InvalidInput("a subject stands in the request twice; name each once")

    @classmethod
    def of(
        cls,
        *,
        study: str,
        engine: str,
        operation: str,
        categories: Sequence[str],
        subjects: Subjects | Mapping[str, str],
        data_window: tuple[int, int] | None = None,
        at_least_block: int | None = None,
        dataset: str = "",
    ) -> "CohortRequest":
        """The request in the words of callers.

        Args:
            study: Study id, 0x-hex.
            engine: Engine id, 0x-hex.
            operation: API name of the operation.
            categories: API names of the categories.
            subjects: Subject ids (repeats are dropped), ``"all"``, or ``{"custodian": id}``.
            data_window: As the attribute.
            at_least_block: As the attribute.
            dataset: As the attribute.

        Raises:
            InvalidInput: A field is malformed; UnknownCode where a word is not in the vocabulary.
        """
        if isinstance(categories, str):
            raise InvalidInput("categories must be a list of names, not one string")
        named: tuple[str, ...] | None = None
        custodian = ""
        if isinstance(subjects, Mapping):
            if set(subjects) != {"custodian"}:
                raise InvalidInput("subjects must be a list of ids, 'all' or {'custodian': id}")
            custodian = subjects["custodian"]
        elif isinstance(subjects, str):
            if subjects != ALL:
                raise InvalidInput("subjects must be a list of ids, 'all' or {'custodian': id}")
        else:
            named = tuple(dict.fromkeys(subjects))
        return cls(study, engine, operation, tuple(categories), named, custodian, data_window, at_least_block, dataset)

    def document(self) -> dict[str, Any]:
        """The body of ``POST /v1/cohorts``."""
        subjects: Any = ALL
        if self.custodian:
            subjects = {"custodian": self.custodian}
        elif self.subjects is not None:
            subjects = list(self.subjects)
        document: dict[str, Any] = {
            "study": self.study,
            "engine": self.engine,
            "operation": self.operation,
            "categories": list(self.categories),
            "subjects": subjects,
        }
        if self.dataset:
            document["dataset"] = self.dataset
        if self.data_window is not None:
            document["data_window"] = window_to_json(*self.data_window)
        if self.at_least_block is not None:
            document["at_least_block"] = self.at_least_block
        return document

    def signed_form(self) -> bytes:
        """The canonical bytes whose SHA-256 a receipt names: who would do what, and of how many it was asked."""
        start, end = self.data_window or (0, FOREVER)
        request = Request(
            study=parse_id(self.study, what="study"),
            engine=parse_id(self.engine, what="engine"),
            operation=operation_of(self.operation),
            categories=categories_of(self.categories),
            data_from=start,
            data_until=end,
            dataset=parse_id(self.dataset, what="dataset") if self.dataset else None,
        )
        asked: Any = ALL
        if self.custodian:
            asked = {"custodian": self.custodian}
        elif self.subjects is not None:
            asked = {"listed": len(self.subjects)}
        return encode({**request_to_json(request), "subjects": asked})
