"""Which chain events a set of decisions rests on.

The exporter lists exactly these, and the checker demands exactly these of what the receipts prove; so an event that
is in a proved receipt cannot be kept out of the listing, nor a foreign one be slipped in.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.domain import events as ev


@dataclass(frozen=True, slots=True)
class Interest:
    """What the decisions of a bundle are about.

    Attributes:
        log: The log's id, which is its institution's.
        studies: The studies that were asked for.
        engines: The engines that asked.
        subjects: The subjects whose rows the bundle shows.
        datasets: The datasets that were asked for by name.
    """

    log: bytes
    studies: frozenset[bytes]
    engines: frozenset[bytes]
    subjects: frozenset[bytes]
    datasets: frozenset[bytes] = frozenset()

    def select(self, events: Iterable[ev.Event]) -> list[bool]:
        """For each of some events, whether the decisions rest on it.

        Institutions follow from the studies and the subjects, texts from the consents, datasets from their custodians;
        so all events must be given at once.
        """
        known = list(events)
        institutions = {self.log}
        terms: set[bytes] = set()
        datasets = set(self.datasets)
        for event in known:
            if isinstance(event, ev.StudyProposed) and event.id in self.studies:
                institutions.add(event.institution)
            elif isinstance(event, ev.SubjectEnrolled) and event.subject in self.subjects:
                institutions.add(event.custodian)
            elif isinstance(event, ev.ConsentRecorded) and event.subject in self.subjects:
                terms.add(event.scope.terms)
        for event in known:
            if isinstance(event, ev.DatasetRegistered) and event.custodian in institutions:
                datasets.add(event.id)
        return [self._concerns(event, institutions, terms, datasets) for event in known]

    def _concerns(  # noqa: PLR0911 - one line a kind
        self, event: ev.Event, institutions: set[bytes], terms: set[bytes], datasets: set[bytes]
    ) -> bool:
        match event:
            case ev.InstitutionAdmitted() | ev.InstitutionStateChanged():
                return event.id in institutions
            case ev.TermsPublished():
                return event.hash in terms
            case ev.DatasetRegistered() | ev.DatasetAmended() | ev.DatasetClosed():
                return event.id in datasets
            case ev.StudyProposed() | ev.StudyStateChanged():
                return event.id in self.studies
            case ev.EngineRegistered() | ev.EngineRevoked():
                return event.id in self.engines
            case ev.SubjectEnrolled() | ev.ConsentRecorded() | ev.ConsentWithdrawn() | ev.AllWithdrawn():
                return event.subject in self.subjects
            case _:
                return False
