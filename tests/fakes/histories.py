"""Histories of events that a chain could really hold, for one seed each: every fact is made before it is changed."""

from dataclasses import replace
from random import Random

from ledger.domain import events as ev
from ledger.domain.accesses import pack_entries
from ledger.domain.consent import ConsentState, Scope
from ledger.domain.directory import DatasetState
from ledger.domain.projection import Authority, Head, Recovery, RecoveryState, World


def ident(random: Random) -> bytes:
    return random.randbytes(32)


class History:
    """A world and what may happen in it next. The same seed gives the same events."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World()

    def block(self, most: int = 6) -> list[ev.Event]:
        """Events of one further block."""
        return [self.event() for _ in range(self.random.randrange(most + 1))]

    def opening(self) -> list[ev.Event]:
        """One event of each kind at least, so that every table has a row."""
        r = self.random
        institution, reviewer, study, engine, subject = (ident(r) for _ in range(5))
        terms, consent, log_leaf = ident(r), ident(r), ident(r)
        dataset, recovery, new_signer = ident(r), ident(r), r.randbytes(20)
        scope = self.scope(terms)
        events = (
            ev.InstitutionAdmitted(institution, 1, "St Elsewhere", r.randbytes(20)),
            ev.ReviewerNamed(reviewer, "Board", r.randbytes(20), active=True),
            ev.TermsPublished(terms, 1, "en", "https://example.org/terms"),
            ev.StudyProposed(
                study, institution, ident(r), 1, "Lungs", 4, 0, 1, ident(r), 2 << 30, ((8903, 5070),), b"{}"
            ),
            ev.StudyApproved(study, reviewer, ident(r), 1),
            ev.StudyStateChanged(study, ident(r), 3),
            ev.EngineRegistered(engine, institution, ident(r), "dp", r.randbytes(20), 8),
            ev.DatasetRegistered(dataset, institution, ident(r), b'{"permission":"HMB"}'),
            ev.DatasetAmended(dataset, ident(r), 2, b'{"permission":"GRU"}'),
            ev.DatasetClosed(dataset, ident(r)),
            ev.SubjectEnrolled(subject, institution, ident(r), r.randbytes(20), 1, 0, 2_000_000_000, ident(r)),
            ev.RecoveryProposed(
                subject, recovery, institution, ident(r), new_signer, 1, 0, 2_000_000_000, ident(r), 1_900_000_000
            ),
            ev.SignerAdded(subject, ident(r), new_signer, 1, 0, 2_000_000_000, ident(r), b""),
            ev.RecoveryCompleted(subject, recovery, ident(r)),
            ev.AllWithdrawn(subject, ident(r), ident(r), 1, r.randbytes(20)),
            ev.ConsentRecorded(subject, consent, ident(r), 1, scope, 1_900_000_000, 1, ident(r), r.randbytes(20)),
            ev.ActRefused(ident(r), 1, "ConsentRegistry__IdSpent"),
            ev.GrantsPaused(paused=False),
            ev.HeadAnchored(institution, 1, log_leaf, 0, bytes(32)),
            ev.AccessesRecorded(study, engine, institution, pack_entries([(0, log_leaf)])),
        )
        return [self._note(event) for event in events]

    def scope(self, terms: bytes) -> Scope:
        r = self.random
        return Scope(
            effect=r.choice((1, 2)),
            recipient_kind=1,
            recipient=bytes(32),
            purposes=r.randrange(1, 128),
            conditions=r.randrange(1, 256),
            operations=r.choice((1, 8, 0xFFFF)),
            categories=r.choice((1, 0xFFFF_FFFF)),
            valid_from=0,
            valid_until=(1 << 40) - 1,
            data_from=0,
            data_until=(1 << 40) - 1,
            diseases=r.choice((0, 8903, 1 << 159)),
            terms=terms,
        )

    def event(self) -> ev.Event:
        """One event that may happen now."""
        r = self.random
        make = r.choice(
            (
                self._enrol,
                self._grant,
                self._grant,
                self._grant,
                self._withdraw,
                self._signer,
                self._recovery,
                self._other,
            )
        )
        return self._note(make())

    def _note(self, event: ev.Event) -> ev.Event:
        self.world.apply(event)
        return event

    def _enrol(self) -> ev.Event:
        r = self.random
        return ev.SubjectEnrolled(ident(r), ident(r), ident(r), r.randbytes(20), 1, 0, 1 << 39, bytes(32))

    def _grant(self) -> ev.Event:
        r, subject = self.random, self._subject()
        terms = r.choice(self._of("Terms"))
        consents = [consent for consent in self.world.consents(subject) or () if consent.state is ConsentState.ACTIVE]
        held = r.choice(consents) if consents and r.random() < 0.5 else None
        consent, version = (held.id, held.version + 1) if held else (ident(r), 1)
        scope = self.scope(terms)
        return ev.ConsentRecorded(
            subject, consent, ident(r), version, scope, scope.valid_until, 1, bytes(32), r.randbytes(20)
        )

    def _withdraw(self) -> ev.Event:
        r, subject = self.random, self._subject()
        active = [consent for consent in self.world.consents(subject) or () if consent.state is ConsentState.ACTIVE]
        if r.random() < 0.25:
            return ev.AllWithdrawn(subject, ident(r), ident(r), 1, r.randbytes(20))
        if not active:
            return ev.ConsentWithdrawn(subject, ident(r), ident(r), 0, 1, r.randbytes(20))
        consent = r.choice(active)
        return ev.ConsentWithdrawn(subject, consent.id, ident(r), consent.version, 1, r.randbytes(20))

    def _signer(self) -> ev.Event:
        r = self.random
        authorities = [fact for fact in self.world.facts.values() if isinstance(fact, Authority)]
        if r.random() < 0.5:
            held = r.choice(authorities)
            return ev.SignerRemoved(held.subject, ident(r), held.signer, r.randbytes(20))
        return ev.SignerAdded(self._subject(), ident(r), r.randbytes(24), 2, 0, 1 << 39, ident(r), r.randbytes(20))

    def _recovery(self) -> ev.Event:
        r = self.random
        pending = [
            fact
            for fact in self.world.facts.values()
            if isinstance(fact, Recovery) and fact.state is RecoveryState.PENDING
        ]
        if not pending or r.random() < 0.4:
            return ev.RecoveryProposed(
                self._subject(), ident(r), ident(r), ident(r), r.randbytes(20), 1, 0, 1 << 39, ident(r), 1 << 31
            )
        held = r.choice(pending)
        if r.random() < 0.5:
            return ev.RecoveryObjected(held.subject, held.id, ident(r), r.randbytes(20))
        return ev.RecoveryCompleted(held.subject, held.id, ident(r))

    def _dataset(self) -> ev.Event:
        r = self.random
        held = self.world.dataset(r.choice(self._of("Dataset")))
        assert held is not None
        if held.state is DatasetState.CLOSED or r.random() < 0.3:
            return ev.DatasetRegistered(ident(r), r.choice(self._of("Institution")), ident(r), r.randbytes(20))
        if r.random() < 0.7:
            return ev.DatasetAmended(held.id, ident(r), held.version + 1, r.randbytes(20))
        return ev.DatasetClosed(held.id, ident(r))

    def _other(self) -> ev.Event:  # noqa: PLR0911 - one line a kind
        r = self.random
        kind = r.randrange(10)
        if kind == 0:
            return ev.InstitutionStateChanged(r.choice(self._of("Institution")), r.choice((1, 2)))
        if kind == 1:
            return ev.StudyStateChanged(r.choice(self._of("Study")), ident(r), r.choice((3, 4, 5)))
        if kind == 2:
            return ev.EngineRevoked(r.choice(self._of("Engine")), ident(r))
        if kind == 3:
            return ev.TermsPublished(ident(r), r.randrange(1, 1 << 32), "de", "")
        if kind == 4:
            return ev.GrantsPaused(paused=r.random() < 0.5)
        if kind == 5:
            return ev.ActRefused(ident(r), r.randrange(9), "Directory__UnknownCode")
        if kind == 6:
            return ev.ReviewerNamed(r.choice(self._of("Reviewer")), "Board", r.randbytes(20), active=r.random() < 0.5)
        if kind == 9:
            return self._dataset()
        head = r.choice([fact for fact in self.world.facts.values() if isinstance(fact, Head)])
        if kind == 7:
            grown = replace(head, size=head.size + r.randrange(1, 9), root=ident(r))
            return ev.HeadAnchored(grown.log, grown.size, grown.root, head.size, head.root)
        entries = pack_entries((r.randrange(1 << 40), ident(r)) for _ in range(r.randrange(1, 4)))
        return ev.AccessesRecorded(r.choice(self._of("Study")), ident(r), head.log, entries)

    def _subject(self) -> bytes:
        return self.random.choice(self._of("Subject"))

    def _of(self, kind: str) -> list[bytes]:
        return [key[1] for key in self.world.facts if key[0] == kind]
