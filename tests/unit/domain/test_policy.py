"""The rule: every reason, every edge, and the faults that other systems have and this one must not."""

import itertools
from dataclasses import replace
from random import Random

import pytest

from ledger.domain.consent import Consent, ConsentState, pack_diseases
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.directory import EngineState, InstitutionState, StudyState
from ledger.domain.policy import Setting, accepts, covers, decide, touches
from ledger.domain.vocabulary import (
    ACCEPTS,
    ANY16,
    ANY32,
    FOREVER,
    KNOWN_CATEGORIES,
    KNOWN_OPERATIONS,
    TOUCHES,
    Category,
    Condition,
    Effect,
    Operation,
    Purpose,
    RecipientKind,
    Use,
)
from tests.unit.domain.cases import (
    AT,
    INSTITUTION,
    OTHER,
    REQUEST,
    SCOPE,
    SETTING,
    STUDY,
    asked,
    consent,
    deny,
    scope,
    setting,
)


def reason(*consents, request=REQUEST, where=SETTING, at=AT):
    decision = decide(request, where, consents, at)
    assert decision.permitted == (decision.reason is Reason.PERMITTED)
    return decision.reason


# --- every reason -----------------------------------------------------------------------------------------------------


def test_a_covering_permit_permits_and_is_named():
    assert decide(REQUEST, SETTING, [consent(7, version=3)], AT) == Decision(
        Outcome.PERMIT, Reason.PERMITTED, b"\x07" * 32, 3, FOREVER
    )


REFUSED_WHOEVER_IT_IS = [
    (Reason.UNKNOWN_CODE, asked(operation=0), SETTING),
    (Reason.UNKNOWN_CODE, asked(operation=3), SETTING),
    (Reason.UNKNOWN_CODE, asked(operation=1 << 9), SETTING),
    (Reason.UNKNOWN_CODE, asked(operation=ANY16), SETTING),
    (Reason.UNKNOWN_CODE, asked(categories=0), SETTING),
    (Reason.UNKNOWN_CODE, asked(categories=1 << 16), SETTING),
    (Reason.UNKNOWN_CODE, asked(categories=ANY32), SETTING),
    (Reason.UNKNOWN_CODE, asked(data_from=5, data_until=5), SETTING),
    (Reason.UNKNOWN_CODE, asked(data_from=6, data_until=5), SETTING),
    (Reason.STUDY_UNKNOWN, REQUEST, replace(SETTING, study=None, institution=None)),
    *[
        (Reason.STUDY_NOT_ACTIVE, REQUEST, setting(study={"state": state}))
        for state in set(StudyState) - {StudyState.ACTIVE}
    ],
    (Reason.INSTITUTION_NOT_ACTIVE, REQUEST, setting(institution={"state": InstitutionState.SUSPENDED})),
    (Reason.INSTITUTION_NOT_ACTIVE, REQUEST, replace(SETTING, institution=None)),
    (Reason.ETHICS_EXPIRED, REQUEST, setting(study={"ethics_until": AT})),
    (Reason.ETHICS_EXPIRED, REQUEST, setting(study={"ethics_until": 0})),
    (Reason.ENGINE_UNKNOWN, REQUEST, replace(SETTING, engine=None)),
    (Reason.ENGINE_NOT_ACTIVE, REQUEST, setting(engine={"state": EngineState.REVOKED})),
    (Reason.ENGINE_OF_ANOTHER_INSTITUTION, REQUEST, setting(engine={"institution": OTHER})),
    (Reason.OPERATION_NOT_REGISTERED, REQUEST, setting(engine={"operations": 0b10})),
]


@pytest.mark.parametrize(("expected", "request_", "where"), REFUSED_WHOEVER_IT_IS)
def test_what_the_directory_refuses_no_consent_allows(expected, request_, where):
    """And nobody learns from the answer whether the subject exists."""
    for consents in ((consent(),), (deny(),), (), None):
        assert decide(request_, where, consents, AT) == Decision(Outcome.DENY, expected, None, 0, FOREVER)


def test_the_reasons_come_in_their_order():
    """Of several obstacles the first is named, so that the three implementations name the same one."""
    where = Setting(None, None, None)
    assert reason(request=asked(operation=0), where=where) is Reason.UNKNOWN_CODE
    assert reason(where=where) is Reason.STUDY_UNKNOWN
    bad = {
        "study": {"state": StudyState.CLOSED, "ethics_until": 0},
        "institution": {"state": InstitutionState.SUSPENDED},
        "engine": {"state": EngineState.REVOKED, "institution": OTHER, "operations": 2},
    }
    steps = [
        (Reason.STUDY_NOT_ACTIVE, "study", "state", StudyState.ACTIVE),
        (Reason.INSTITUTION_NOT_ACTIVE, "institution", "state", InstitutionState.ACTIVE),
        (Reason.ETHICS_EXPIRED, "study", "ethics_until", FOREVER),
        (Reason.ENGINE_NOT_ACTIVE, "engine", "state", EngineState.ACTIVE),
        (Reason.ENGINE_OF_ANOTHER_INSTITUTION, "engine", "institution", INSTITUTION),
        (Reason.OPERATION_NOT_REGISTERED, "engine", "operations", 1),
    ]
    for expected, part, name, mended in steps:
        assert reason(consent(), where=setting(**bad)) is expected
        bad[part][name] = mended
    assert reason(consent(), where=setting(**bad)) is Reason.PERMITTED


def test_a_subject_that_is_not_enrolled():
    assert decide(REQUEST, SETTING, None, AT) == Decision(Outcome.DENY, Reason.SUBJECT_UNKNOWN)


def test_no_consent_and_none_that_covers():
    assert reason() is Reason.NO_CONSENT
    assert reason(consent(operations=2)) is Reason.NOT_COVERED
    assert reason(consent(valid_until=AT)) is Reason.NO_CONSENT
    assert reason(deny(operations=2)) is Reason.NO_CONSENT


def test_terms_that_are_too_old_ask_for_consent_anew():
    assert reason(consent(terms_version=1)) is Reason.RECONSENT_REQUIRED
    assert reason(consent(terms_version=2)) is Reason.PERMITTED
    assert reason(consent(terms_version=3)) is Reason.PERMITTED
    assert reason(consent(terms_version=1, operations=2)) is Reason.NOT_COVERED
    assert decide(REQUEST, SETTING, [consent(1, version=4, terms_version=1)], AT).version == 4


def test_a_deny_holds_whatever_terms_it_was_given_under():
    assert reason(deny(1, terms_version=1), consent(2)) is Reason.DENIED_BY_SUBJECT


def test_deny_then_permit_then_stale_then_not_covered():
    ranked = [deny(4), consent(3), consent(2, terms_version=1), consent(1, operations=2)]
    expected = [Reason.DENIED_BY_SUBJECT, Reason.PERMITTED, Reason.RECONSENT_REQUIRED, Reason.NOT_COVERED]
    for place, outcome in enumerate(expected):
        for order in itertools.permutations(ranked[place:]):
            assert reason(*order) is outcome


def test_the_lowest_id_of_those_that_decide_is_named():
    for make in (consent, deny, lambda name: consent(name, terms_version=1)):
        for order in itertools.permutations([make(5), make(3), make(9)]):
            assert decide(REQUEST, SETTING, order, AT).consent == b"\x03" * 32
    assert decide(REQUEST, SETTING, [consent(1, terms_version=1), consent(2)], AT).consent == b"\x02" * 32


# --- time -------------------------------------------------------------------------------------------------------------


def test_validity_is_half_open():
    held = consent(valid_from=AT, valid_until=AT + 10)
    held = replace(held, valid_until=AT + 10)
    assert [reason(held, at=at) for at in (AT - 1, AT, AT + 9, AT + 10)] == [
        Reason.NO_CONSENT,
        Reason.PERMITTED,
        Reason.PERMITTED,
        Reason.NO_CONSENT,
    ]


def test_a_guardians_authority_cuts_the_validity():
    """``valid_until`` is the effective end; the scope still shows what was signed."""
    held = consent(valid_until=AT + 10)
    assert held.scope.valid_until == FOREVER
    assert reason(held, at=AT + 9) is Reason.PERMITTED
    assert reason(held, at=AT + 10) is Reason.NO_CONSENT
    assert decide(REQUEST, SETTING, [held], AT).valid_until == AT + 10


def test_the_answer_says_until_when_time_leaves_it_so():
    ethics = setting(study={"ethics_until": AT + 100})
    assert decide(REQUEST, ethics, [consent()], AT).valid_until == AT + 100
    ends, begins = consent(1, valid_until=AT + 50), deny(2, valid_from=AT + 30)
    over = consent(3, valid_until=AT)
    assert decide(REQUEST, ethics, [ends], AT).valid_until == AT + 50
    assert decide(REQUEST, ethics, [ends, begins, over], AT).valid_until == AT + 30
    assert decide(REQUEST, ethics, [], AT).valid_until == AT + 100


@pytest.mark.parametrize("seed", range(200))
def test_nothing_changes_by_time_alone_before_valid_until(seed):
    random = Random(seed)
    times = range(AT, AT + 12)
    held = []
    for name in range(1, 5):
        start, end = sorted(random.sample(times, 2))
        held.append(
            consent(
                name,
                effect=random.choice(tuple(Effect)),
                valid_from=start,
                valid_until=end,
                operations=random.choice((1, 2, ANY16)),
            )
        )
    where = setting(study={"ethics_until": random.choice((AT + 7, AT + 30))})
    for at in times:
        now = decide(REQUEST, where, held, at)
        if now.reason is Reason.ETHICS_EXPIRED:
            continue
        assert now.valid_until > at
        for later in range(at, min(now.valid_until, AT + 12)):
            then = decide(REQUEST, where, held, later)
            assert (then.outcome, then.reason, then.consent) == (now.outcome, now.reason, now.consent)


# --- dimensions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "recipient", "named"),
    [
        (RecipientKind.ANY, bytes(32), True),
        (RecipientKind.INSTITUTION, INSTITUTION, True),
        (RecipientKind.INSTITUTION, OTHER, False),
        (RecipientKind.INSTITUTION, STUDY, False),
        (RecipientKind.STUDY, STUDY, True),
        (RecipientKind.STUDY, OTHER, False),
        (RecipientKind.STUDY, INSTITUTION, False),
        (9, STUDY, False),
    ],
)
def test_recipients(kind, recipient, named):
    changed = scope(recipient_kind=kind, recipient=recipient)
    assert covers(changed, REQUEST, SETTING.study) is named
    assert touches(changed, REQUEST, SETTING.study) is named


@pytest.mark.parametrize(
    ("of_consent", "of_study", "tolerated", "touched"),
    [
        (0, 0, True, False),
        (0, Condition.LINKAGE, False, False),
        (Condition.LINKAGE, Condition.LINKAGE, True, True),
        (Condition.LINKAGE, Condition.LINKAGE | Condition.RECONTACT, False, True),
        (Condition.LINKAGE | Condition.RECONTACT, Condition.LINKAGE, True, True),
        (Condition.LINKAGE, 0, True, False),
        (ANY16, 0, True, True),
        (ANY16, Condition.COMMERCIAL_USE, True, True),
    ],
)
def test_conditions(of_consent, of_study, tolerated, touched):
    study = replace(SETTING.study, conditions=int(of_study))
    changed = scope(conditions=int(of_consent))
    assert covers(changed, REQUEST, study) is tolerated
    assert touches(changed, REQUEST, study) is touched


@pytest.mark.parametrize(
    ("of_consent", "covered", "touched"),
    [(0b11, True, True), (0b111, True, True), (ANY32, True, True), (0b01, False, True), (0b100, False, False)],
)
def test_categories(of_consent, covered, touched):
    changed = scope(categories=of_consent)
    assert covers(changed, REQUEST, SETTING.study) is covered
    assert touches(changed, REQUEST, SETTING.study) is touched


@pytest.mark.parametrize("operation", list(Operation))
def test_operations(operation):
    for allowed in (*Operation, ANY16, int(operation) | 2):
        expected = bool(int(allowed) & operation)
        assert covers(scope(operations=int(allowed)), asked(operation=int(operation)), SETTING.study) is expected
        assert touches(scope(operations=int(allowed)), asked(operation=int(operation)), SETTING.study) is expected


@pytest.mark.parametrize(
    ("window", "covered", "touched"),
    [
        ((100, 200), True, True),
        ((0, FOREVER), True, True),
        ((99, 201), True, True),
        ((101, 200), False, True),
        ((100, 199), False, True),
        ((0, 101), False, True),
        ((199, 300), False, True),
        ((0, 100), False, False),
        ((200, 300), False, False),
    ],
)
def test_data_windows(window, covered, touched):
    changed = scope(data_from=window[0], data_until=window[1])
    request = asked(data_from=100, data_until=200)
    assert covers(changed, request, SETTING.study) is covered
    assert touches(changed, request, SETTING.study) is touched


# --- purposes: the table of data use ----------------------------------------------------------------------------------

P, U = Purpose, Use
CONTAINED_IN = {
    U.GENERAL: {P.NRES, P.GRU},
    U.BIOMEDICAL: {P.NRES, P.GRU, P.HMB},
    U.DISEASE: {P.NRES, P.GRU, P.HMB},
    U.ANCESTRY: {P.NRES, P.GRU, P.POA},
    U.METHODS: {P.NRES, P.METHODS},
    U.CLINICAL_CARE: {P.NRES, P.CLINICAL_CARE},
}
TOUCHED_BY = CONTAINED_IN | {U.GENERAL: {P.NRES, P.GRU, P.HMB, P.POA}}


@pytest.mark.parametrize(("use", "purpose"), list(itertools.product(Use, Purpose)))
def test_the_table_of_uses_and_purposes(use, purpose):
    study = replace(SETTING.study, uses=int(use), diseases=((1,),) if use is U.DISEASE else ())
    assert bool(ACCEPTS[use] & purpose) is (purpose in CONTAINED_IN[use])
    assert bool(TOUCHES[use] & purpose) is (purpose in TOUCHED_BY[use])
    assert covers(scope(purposes=int(purpose)), REQUEST, study) is (purpose in CONTAINED_IN[use])
    assert touches(scope(purposes=int(purpose)), REQUEST, study) is (purpose in TOUCHED_BY[use])


@pytest.mark.parametrize("use", list(Use))
def test_any_purpose_accepts_and_touches_every_use(use):
    study = replace(SETTING.study, uses=int(use), diseases=((1,),) if use is U.DISEASE else ())
    assert covers(SCOPE, REQUEST, study)
    assert touches(SCOPE, REQUEST, study)


def test_a_permit_must_accept_every_use_and_a_deny_touch_one():
    study = replace(SETTING.study, uses=U.BIOMEDICAL | U.METHODS)
    assert not covers(scope(purposes=P.HMB), REQUEST, study)
    assert not covers(scope(purposes=P.METHODS), REQUEST, study)
    assert covers(scope(purposes=P.HMB | P.METHODS), REQUEST, study)
    assert touches(scope(purposes=P.METHODS), REQUEST, study)
    assert not touches(scope(purposes=P.CLINICAL_CARE), REQUEST, study)


def disease_study(*closures):
    return replace(SETTING.study, uses=int(U.DISEASE), diseases=closures)


def on_diseases(*codes):
    return scope(purposes=int(P.DS), diseases=pack_diseases(codes))


@pytest.mark.parametrize(
    ("named", "closures", "accepted"),
    [
        ((8903,), [(8903,)], True),
        ((5070,), [(8903, 5070)], True),
        ((8903,), [(5070, 1)], False),
        ((8903,), [(8904, 5070)], False),
        ((8903, 7), [(8903, 5070), (7, 1)], True),
        ((8903,), [(8903, 5070), (7, 1)], False),
        ((1,), [(8903, 5070, 1), (7, 1)], True),
        ((8903,), [], False),
        ((8903,), [()], False),
        ((), [(8903,)], False),
    ],
    ids=["itself", "ancestor", "descendant", "sibling", "both", "one of two", "common", "none", "empty", "no name"],
)
def test_diseases(named, closures, accepted):
    """DUO:0000007: each disease of the study must be, or lie below, a disease that the consent names."""
    assert accepts(on_diseases(*named), Use.DISEASE, disease_study(*closures)) is accepted
    assert covers(on_diseases(*named), REQUEST, disease_study(*closures)) is accepted


# --- faults of others -------------------------------------------------------------------------------------------------


def test_general_research_is_not_approved_on_a_disease_consent():
    for use in (U.GENERAL, U.BIOMEDICAL, U.METHODS, U.ANCESTRY, U.CLINICAL_CARE):
        where = setting(study={"uses": int(use)})
        held = consent(purposes=int(P.DS), diseases=pack_diseases([8903]))
        assert reason(held, where=where) is Reason.NOT_COVERED


def test_conditions_are_not_ignored():
    for condition in Condition:
        where = setting(study={"conditions": int(condition)})
        tolerant, strict = consent(conditions=int(condition)), consent(conditions=0)
        assert reason(strict, where=where) is Reason.NOT_COVERED
        assert reason(tolerant, where=where) is Reason.PERMITTED


def test_the_most_recent_consent_does_not_win():
    """A later, wider permit does not outweigh an earlier deny, and a later deny is one like any other."""
    earlier, later = deny(9, valid_from=1), consent(1, version=9, valid_from=AT)
    assert reason(earlier, later) is Reason.DENIED_BY_SUBJECT
    assert reason(later, earlier) is Reason.DENIED_BY_SUBJECT


def test_a_consent_that_cannot_be_read_is_not_dropped():
    """The one that fails might be the deny."""

    class Broken(Consent):
        @property
        def scope(self):
            raise RuntimeError("this record is damaged")

    broken = object.__new__(Broken)
    object.__setattr__(broken, "state", ConsentState.ACTIVE)
    for order in ((consent(1), broken), (broken, consent(1))):
        with pytest.raises(RuntimeError):
            decide(REQUEST, SETTING, order, AT)


def test_an_effect_that_is_not_known_never_permits():
    unknown = consent(effect=3)
    assert reason(unknown) is Reason.UNKNOWN_CODE
    assert reason(unknown, consent(2)) is Reason.UNKNOWN_CODE


def test_no_consent_is_not_all_consented():
    assert reason() is Reason.NO_CONSENT
    assert reason(consent(purposes=0)) is Reason.UNKNOWN_CODE
    assert reason(consent(categories=0)) is Reason.UNKNOWN_CODE
    assert reason(consent(operations=0)) is Reason.UNKNOWN_CODE


def test_a_kind_of_request_that_no_rule_names_is_refused():
    """There is no query that a missing policy lets through."""
    for operation in range(1 << 10):
        expected = operation in set(Operation)
        where = setting(engine={"operations": KNOWN_OPERATIONS})
        permitted = reason(consent(), request=asked(operation=operation), where=where) is Reason.PERMITTED
        assert permitted is expected


def test_permits_are_not_added_up():
    """Two consents that together would do, and neither alone."""
    halves = [consent(1, categories=0b01), consent(2, categories=0b10)]
    assert reason(*halves) is Reason.NOT_COVERED
    mixed = [consent(1, operations=2), consent(2, categories=Category.GENOMICS)]
    assert reason(*mixed) is Reason.NOT_COVERED
    window = [consent(1, data_until=100), consent(2, data_from=100)]
    assert reason(*window, request=asked(data_from=50, data_until=150)) is Reason.NOT_COVERED


def test_a_disease_purpose_that_names_no_disease_is_not_vacuously_inside():
    where = setting(study={"uses": int(U.DISEASE), "diseases": ()})
    held = consent(purposes=int(P.DS), diseases=pack_diseases([8903]))
    assert reason(held, where=where) is Reason.NOT_COVERED


def test_withdrawn_consents_neither_permit_nor_deny():
    gone = consent(1, state=ConsentState.WITHDRAWN)
    assert reason(gone) is Reason.NO_CONSENT
    assert reason(replace(deny(1), state=ConsentState.WITHDRAWN), consent(2)) is Reason.PERMITTED
    assert decide(REQUEST, SETTING, [replace(gone, valid_until=AT + 5)], AT).valid_until == FOREVER


def test_everything_known_can_be_asked_for_at_once_but_one_operation():
    where = setting(engine={"operations": KNOWN_OPERATIONS})
    assert reason(consent(), request=asked(categories=KNOWN_CATEGORIES), where=where) is Reason.PERMITTED
