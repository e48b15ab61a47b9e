"""The data-use layer of a decision: whether a custodian's datasets allow what a study does.

It stands behind the patients' own rule (``policy``) and can only make its answer stricter. The study says what it does
on the chain: its uses and its diseases with their ancestors, and a purpose document with what more is known. The
custodian says on the chain what its datasets allow. ``judge`` puts the two together with the Data Use Ontology
(``data_use``), once for a request and a custodian, not once a patient.

Invariants:

- A request that names no dataset is about all of the custodian's data, so each dataset that the custodian ever
  registered must be active and allow the study. Leaving the dataset out opens nothing, and neither does registering or
  closing one. A custodian that registered none sets no limit.
- Unknown is never yes. A document on the chain that is not in its form denies: nobody knows what it was meant to say.
- A permit follows from the chain alone. An ontology that the operator loaded can take it back (``ONTOLOGY_DISAGREES``),
  and never give one.

Source: https://obofoundry.org/ontology/duo (GA4GH Data Use Ontology)
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from ledger.domain.data_use import Match, MatchOutcome, Obligation, match
from ledger.domain.data_use_forms import DatasetTerms, StudyPurpose, StudyUse, parse_dataset, parse_purpose, read_object
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.directory import Dataset, DatasetState, Study
from ledger.domain.ontology import Ontology
from ledger.domain.policy import Request
from ledger.domain.vocabulary import FOREVER, Use
from ledger.domain.wording import mondo_code
from ledger.errors import InvalidInput

MOST_DOCUMENT: Final = 8192
"""Bytes of terms or of a purpose, as the contract bounds them (``Documents.MAX_LENGTH``)."""
WORDS: Final = {
    Use.GENERAL: StudyUse.GENERAL,
    Use.BIOMEDICAL: StudyUse.BIOMEDICAL,
    Use.DISEASE: StudyUse.DISEASE,
    Use.ANCESTRY: StudyUse.ANCESTRY,
    Use.METHODS: StudyUse.METHODS,
    Use.CLINICAL_CARE: StudyUse.CLINICAL_CARE,
}
"""The word of the data-use form for each use of a study's mask."""
_FROM_THE_MASK: Final = frozenset({"use", "diseases"})
_encoder = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Release:
    """What a custodian's datasets say of a request, at an instant.

    Attributes:
        outcome: Only a permit is a yes.
        reason: ``PERMITTED``, or why not.
        codes: The terms of the Data Use Ontology that were violated, or unknown.
        obligations: What a permit obliges to.
        valid_until: The first instant (seconds UTC) at which time alone could change the answer.
    """

    outcome: Outcome
    reason: Reason
    codes: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    valid_until: int = FOREVER


UNLIMITED: Final = Release(Outcome.PERMIT, Reason.PERMITTED)
"""The answer of a custodian that registered no dataset."""


class Closures:
    """The ontology that a study itself states: the ancestors of its diseases, as reviewers approved them.

    Args:
        study: The study.
        named: Codes that the dataset names. They are codes, whatever lies above them; so a disease of the study whose
            ancestors do not hold one of them lies outside it.
    """

    version = ""

    def __init__(self, study: Study, named: Iterable[str]) -> None:
        self._known = {code: frozenset({code}) for code in named}
        for closure in study.diseases:
            codes = [mondo_code(number) for number in closure]
            self._known[codes[0]] = frozenset(codes)

    def ancestors(self, code: str) -> frozenset[str] | None:
        """The code and all that it lies below; None for a code that the study says nothing of."""
        return self._known.get(code)


def judge(
    request: Request, study: Study, custodian: bytes, datasets: Collection[Dataset], at: int, ontology: Ontology | None
) -> Release:
    """Decide whether a custodian's datasets allow a request.

    Args:
        request: What is asked, and of which dataset, if it says so.
        study: The request's study.
        custodian: Whose data.
        datasets: All registered datasets, of every custodian, closed ones too, as of the same block.
        at: Seconds UTC.
        ontology: What the operator loaded; None where nothing is.
    """
    meant = _meant(request, custodian, datasets)
    if isinstance(meant, Reason):
        return _refusal(meant)
    if not meant:
        return UNLIMITED
    stated = _answer(study, meant, at, None)
    if ontology is None or not ontology.version:
        return stated
    loaded = _answer(study, meant, at, ontology)
    if loaded.outcome is stated.outcome:
        return stated
    return Release(Outcome.ABSTAIN, Reason.ONTOLOGY_DISAGREES, valid_until=stated.valid_until)


def restrict(decision: Decision, release: Release) -> Decision:
    """A decision on a patient, after the data-use layer."""
    if not decision.permitted or release is UNLIMITED:
        return decision
    until = min(decision.valid_until, release.valid_until)
    if release.outcome is Outcome.PERMIT:
        return Decision(
            Outcome.PERMIT, decision.reason, decision.consent, decision.version, until, (), release.obligations
        )
    return Decision(release.outcome, release.reason, valid_until=until, codes=release.codes)


def purposes_of(study: Study) -> Iterator[StudyPurpose]:
    """What a study does, in the form of the Data Use Ontology: one purpose for each of its uses.

    Raises:
        InvalidInput: The purpose document is not in its form.
    """
    said = dict(read_purpose(study.purpose))
    if study.diseases:
        said["diseases"] = [mondo_code(closure[0]) for closure in study.diseases]
    for use, word in WORDS.items():
        if study.uses & use:
            yield parse_purpose(said | {"use": word.value})


def read_purpose(document: bytes) -> dict[str, object]:
    """The purpose document of a study; an empty one says nothing.

    Raises:
        InvalidInput: It is not canonical JSON of a purpose, or says what the study's uses and diseases say.
    """
    if not document:
        return {}
    said = dict(read_object(document, "purpose"))
    twice = sorted(_FROM_THE_MASK & said.keys())
    if twice:
        raise InvalidInput(f"purpose.{twice[0]}: the study's uses and diseases say this; leave it out")
    parse_purpose(said)
    _check_canonical(said, document, "purpose")
    return said


def read_terms(document: bytes, *, strict: bool = False) -> DatasetTerms:
    """The terms of a dataset; ``strict`` is for writing and refuses what could never permit anything.

    Raises:
        InvalidInput: They are not canonical JSON of terms.
    """
    said = read_object(document, "terms")
    terms = parse_dataset(said, strict=strict, what="terms")
    _check_canonical(said, document, "terms")
    return terms


def write_document(said: object) -> bytes:
    """The canonical bytes (RFC 8785) of terms or of a purpose, which hold no fractions and only ASCII keys."""
    return _encoder.encode(said)


def _check_canonical(said: object, document: bytes, what: str) -> None:
    if len(document) > MOST_DOCUMENT:
        raise InvalidInput(f"{what} has {len(document)} bytes; at most {MOST_DOCUMENT} fit into an event")
    try:
        canonical = write_document(said)
    except UnicodeEncodeError as problem:
        raise InvalidInput(f"{what} holds half of a surrogate pair, which is no text") from problem
    if canonical != document:
        raise InvalidInput(f"{what} is not canonical JSON (RFC 8785): sort the keys and leave out the blanks")


def _meant(request: Request, custodian: bytes, datasets: Collection[Dataset]) -> list[Dataset] | Reason:
    """The datasets that a request is about, none where there is no limit; or why it is refused."""
    if request.dataset is None:
        meant = [dataset for dataset in datasets if dataset.custodian == custodian]
    else:
        meant = [dataset for dataset in datasets if dataset.id == request.dataset]
        if not meant:
            return Reason.DATASET_UNKNOWN
        if meant[0].custodian != custodian:
            return Reason.DATASET_OF_ANOTHER_CUSTODIAN
    if any(dataset.state is not DatasetState.ACTIVE for dataset in meant):
        return Reason.DATASET_NOT_ACTIVE
    return meant


def _answer(study: Study, datasets: Sequence[Dataset], at: int, ontology: Ontology | None) -> Release:
    """The answer on all of these datasets, by the ontology; None: by what the study itself states."""
    try:
        purposes = list(purposes_of(study))
    except InvalidInput:
        return _refusal(Reason.DATA_USE_DENIED, ("purpose",))
    found: list[Match] = []
    for dataset in datasets:
        try:
            terms = read_terms(dataset.terms)
        except InvalidInput:
            return _refusal(Reason.DATA_USE_DENIED, ("terms",))
        ancestry = Closures(study, _codes_in(terms)) if ontology is None else ontology
        found += [match(terms, purpose, at, ancestry) for purpose in purposes]
    return _together(found)


_STRICTEST_FIRST: Final = {
    MatchOutcome.DENY: (Outcome.DENY, Reason.DATA_USE_DENIED),
    MatchOutcome.ABSTAIN: (Outcome.ABSTAIN, Reason.DATA_USE_UNKNOWN),
    MatchOutcome.PERMIT: (Outcome.PERMIT, Reason.PERMITTED),
}


def _together(found: Sequence[Match]) -> Release:
    """All of them must permit; the strictest answers for all, with the codes of its like."""
    until = min((one.valid_until for one in found if one.valid_until is not None), default=FOREVER)
    strictest = next(outcome for outcome in _STRICTEST_FIRST if any(one.outcome is outcome for one in found))
    alike = [one for one in found if one.outcome is strictest]
    codes = sorted({code for one in alike for code in one.reasons})
    obligations: list[Obligation] = []
    for one in alike:
        obligations += [duty for duty in one.obligations if duty not in obligations]
    return Release(*_STRICTEST_FIRST[strictest], tuple(codes), tuple(obligations), until)


def _codes_in(terms: DatasetTerms) -> set[str]:
    topics = [code for value in terms.modifiers.values() if isinstance(value, frozenset) for code in value]
    return {*(terms.diseases or ()), *topics}


def _refusal(reason: Reason, codes: tuple[str, ...] = ()) -> Release:
    return Release(Outcome.DENY, reason, codes)
