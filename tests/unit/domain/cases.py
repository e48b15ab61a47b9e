"""The plainest study, engine, consent and request that fit together; tests change what they are about."""

from dataclasses import replace

from ledger.domain.consent import Consent, ConsentState, Scope
from ledger.domain.directory import Engine, Institution, Study, StudyState
from ledger.domain.policy import Request, Setting
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER, Effect, RecipientKind, Use

AT = 1_800_000_000
INSTITUTION, STUDY, ENGINE, SUBJECT, TERMS, OTHER = (bytes([n]) * 32 for n in (1, 2, 3, 4, 5, 6))
NOBODY = bytes(32)

REQUEST = Request(study=STUDY, engine=ENGINE, operation=1, categories=0b11)
SETTING = Setting(
    study=Study(
        id=STUDY,
        institution=INSTITUTION,
        number=1,
        title="study",
        uses=Use.BIOMEDICAL,
        conditions=0,
        required_terms=2,
        ethics=OTHER,
        ethics_until=FOREVER,
        state=StudyState.ACTIVE,
    ),
    institution=Institution(INSTITUTION, 1, "hospital", b"\x07" * 20),
    engine=Engine(ENGINE, INSTITUTION, "engine", b"\x08" * 20, 0b1),
)
SCOPE = Scope(
    effect=Effect.PERMIT,
    recipient_kind=RecipientKind.ANY,
    recipient=NOBODY,
    purposes=ANY16,
    conditions=ANY16,
    operations=ANY16,
    categories=ANY32,
    valid_from=0,
    valid_until=FOREVER,
    data_from=0,
    data_until=FOREVER,
    diseases=0,
    terms=TERMS,
)


def scope(**changes):
    return replace(SCOPE, **changes)


def consent(name=1, *, version=1, terms_version=2, valid_until=None, state=ConsentState.ACTIVE, **changes):
    """A consent of the subject: a permit of everything, with changes to its scope."""
    made = scope(**changes)
    end = made.valid_until if valid_until is None else valid_until
    return Consent(SUBJECT, bytes([name]) * 32, version, made, terms_version, end, state=state)


def deny(name=1, **changes):
    return consent(name, effect=Effect.DENY, **changes)


def setting(*, study=None, institution=None, engine=None):
    """The plain setting with changes to its parts."""
    return Setting(
        replace(SETTING.study, **(study or {})),
        replace(SETTING.institution, **(institution or {})),
        replace(SETTING.engine, **(engine or {})),
    )


def asked(**changes):
    return replace(REQUEST, **changes)
