"""The data-use layer in the snapshot: equal to the two pure rules, whatever was asked, and found out, before."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.directory import Dataset, DatasetState, Engine, Institution, Study, StudyState
from ledger.domain.policy import Request, decide
from ledger.domain.projection import Subject, World
from ledger.domain.release import judge, restrict, write_document
from ledger.domain.vocabulary import FOREVER
from ledger.snapshot import snapshot as module
from ledger.snapshot.snapshot import Snapshot
from tests.unit.snapshot.test_snapshot import ENGINE, INSTITUTION, NOW, STUDY, block, consent

CUSTODIANS = [bytes([40 + place]) * 32 for place in range(3)]
SUBJECTS = [bytes([60 + place]) * 32 for place in range(6)]
DATASETS = [bytes([80 + place]) * 32 for place in range(4)]
NOWHERE = b"\xee" * 32
TIMES = (NOW, NOW + 1, NOW + 40 * 86_400, NOW + 90 * 86_400)
TERMS = (
    {"permission": "NRES"},
    {"permission": "POA"},
    {"permission": "GRU", "modifiers": {"NPU": True}},
    {"permission": "GRU", "modifiers": {"PUB": True}},
    {"permission": "GRU", "modifiers": {"TS": {"months": 1, "granted": NOW}}},
    {"permission": "GRU", "modifiers": {"IRB": True}},
)
PURPOSES = (
    {},
    {"nonprofit": True, "undertakings": ["PUB"]},
    {"ethics_approval": {"from": NOW + 1, "until": NOW + 60 * 86_400}},
)


def dataset(id, custodian, terms, state):
    return Dataset(id, CUSTODIANS[custodian], write_document(terms), state=state)


def study(purpose, state=StudyState.ACTIVE):
    document = write_document(purpose) if purpose else b""
    return Study(STUDY, INSTITUTION, 1, "study", 1, 0, 1, b"\x06" * 32, FOREVER, state=state, purpose=document)


datasets = st.builds(
    dataset,
    st.sampled_from(DATASETS),
    st.integers(0, 2),
    st.sampled_from(TERMS),
    st.sampled_from([DatasetState.ACTIVE] * 4 + [DatasetState.CLOSED]),
)
changes = st.lists(st.one_of(datasets, st.sampled_from(PURPOSES).map(study)), max_size=3)
questions = st.tuples(
    st.sampled_from([None, None, *DATASETS, NOWHERE]), st.lists(st.sampled_from(TIMES), min_size=1, max_size=3)
)


def opening():
    return [
        Institution(INSTITUTION, 1, "hospital", b"\x05" * 20),
        study({}),
        Engine(ENGINE, INSTITUTION, "engine", b"\x07" * 20, 1),
        *(Subject(subject, CUSTODIANS[place % 3]) for place, subject in enumerate(SUBJECTS)),
        *(consent(subject, 1) for subject in SUBJECTS[:5]),
    ]


def expected(world, request, at):
    """What the two pure rules say, one subject after the other."""
    found = []
    for subject in [*SUBJECTS, NOWHERE]:
        decision = decide(request, world.setting(request), world.consents(subject), at)
        if decision.permitted:
            custodian = world.subject(subject).custodian
            release = judge(request, world.study(STUDY), custodian, world.datasets(), at, None)
            decision = restrict(decision, release)
        found.append(decision)
    return found


@given(blocks=st.lists(st.tuples(changes, st.lists(questions, max_size=4)), max_size=5))
def test_the_snapshot_says_what_the_pure_rules_say_whatever_came_before(blocks):
    world = World()
    for fact in opening():
        world.put(fact)
    snapshot = Snapshot.build(block(1), opening())
    for number, (facts, asked) in enumerate(blocks, start=2):
        for fact in facts:
            world.put(fact)
        snapshot = snapshot.advance(block(number), facts)
        for named, instants in asked:
            request = Request(STUDY, ENGINE, 1, 1, dataset=named)
            for at in instants:
                found = snapshot.decide(request, [*SUBJECTS, NOWHERE], at)
                for ours, theirs in zip(found, expected(world, request, at), strict=True):
                    assert (ours.outcome, ours.reason, ours.consent, ours.version, ours.codes, ours.obligations) == (
                        theirs.outcome,
                        theirs.reason,
                        theirs.consent,
                        theirs.version,
                        theirs.codes,
                        theirs.obligations,
                    )
                    assert ours.valid_until == theirs.valid_until


def test_a_custodian_is_asked_about_once_however_many_its_patients_are(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "judge", lambda *args: asked.append(args) or judge(*args))
    snapshot = Snapshot.build(block(1), [*opening(), dataset(DATASETS[0], 0, TERMS[0], DatasetState.ACTIVE)])
    request = Request(STUDY, ENGINE, 1, 1)
    for _ in range(3):
        snapshot.decide(request, SUBJECTS, NOW)
    later = snapshot.advance(block(2), [consent(SUBJECTS[5], 1)])
    later.decide(request, SUBJECTS, NOW + 1)
    assert len(asked) == 3, "once a custodian; a block without studies and datasets changes nothing"
    amended = later.advance(block(3), [dataset(DATASETS[0], 0, TERMS[1], DatasetState.ACTIVE)])
    assert not amended.decide(request, SUBJECTS[:1], NOW + 2)[0].permitted
    assert len(asked) == 4


def test_an_answer_is_asked_for_again_when_its_time_is_over():
    limited = dataset(DATASETS[0], 0, TERMS[4], DatasetState.ACTIVE)
    snapshot = Snapshot.build(block(1), [*opening(), limited])
    request = Request(STUDY, ENGINE, 1, 1)
    (before,) = snapshot.decide(request, SUBJECTS[:1], NOW)
    assert before.permitted
    (after,) = snapshot.decide(request, SUBJECTS[:1], before.valid_until)
    assert after.codes == ("TS",)
    (back,) = snapshot.decide(request, SUBJECTS[:1], NOW)
    assert back.permitted, "the clock may be asked about earlier instants too"
