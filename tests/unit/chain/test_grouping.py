from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.calldata import BATCHED
from ledger.chain.grouping import group
from ledger.domain.acts import InstitutionSuspension, StudyApproval, Withdrawal, WithdrawalOfAll
from ledger.domain.outbox import Item, ItemState

RELAYER, CONSORTIUM = b"\x01" * 20, b"\x02" * 20


def sender_of(act):
    return CONSORTIUM if act.admin else RELAYER


def act_of(kind, subject):
    name = bytes((subject,)) * 32
    return {
        "w": Withdrawal(subject=name, id=name, signer=bytes(20), signature=bytes(65)),
        "a": WithdrawalOfAll(subject=name, id=name, deadline=1, signer=bytes(20), signature=bytes(65)),
        "s": StudyApproval(id=name, reviewer=name, deadline=1, signature=bytes(65)),
        "i": InstitutionSuspension(id=name, state=2),
    }[kind]


def items_of(*kinds):
    return [
        Item(number, bytes(32), act_of(kind, subject), ItemState.ACCEPTED, 0)
        for number, (kind, subject) in enumerate(kinds, start=1)
    ]


def shape(groups):
    return [[item.sequence for item in part.items] for part in groups]


def test_a_mixed_stream_makes_large_groups():
    items = items_of(("w", 1), ("a", 2), ("w", 3), ("a", 4), ("w", 5))
    assert shape(group(items, 100, {}, sender_of)) == [[1, 3, 5], [2, 4]]


def test_an_act_never_overtakes_one_of_its_subject():
    items = items_of(("w", 1), ("a", 1), ("w", 1), ("w", 2))
    assert shape(group(items, 100, {}, sender_of)) == [[1], [2], [3, 4]]


def test_acts_about_no_subject_keep_their_place_among_all():
    items = items_of(("w", 1), ("s", 0), ("w", 2), ("i", 0), ("i", 0), ("w", 3))
    assert shape(group(items, 100, {}, sender_of)) == [[1], [2], [3], [4], [5], [6]]


def test_groups_are_bounded_by_number_gas_and_past_failures():
    items = items_of(*[("w", subject) for subject in range(1, 8)])
    assert shape(group(items, 3, {}, sender_of)) == [[1, 2, 3], [4, 5, 6], [7]]
    assert shape(group(items, 100, {2: 1}, sender_of)) == [[1], [2], [3, 4, 5, 6, 7]]
    many = items_of(*[("a", subject) for subject in range(1, 201)])
    assert max(len(part.items) for part in group(many, 1000, {}, sender_of)) == 150


@given(
    st.lists(st.tuples(st.sampled_from("wwwasi"), st.integers(1, 4)), max_size=40),
    st.integers(1, 7),
    st.dictionaries(st.integers(1, 40), st.integers(1, 3)),
)
def test_order_and_completeness_hold_for_every_stream(kinds, batch, most):
    items = items_of(*kinds)
    groups = group(items, batch, most, sender_of)
    sent = [item for part in groups for item in part.items]
    assert sorted(item.sequence for item in sent) == [item.sequence for item in items]
    for part in groups:
        assert {(sender_of(item.act), type(item.act)) for item in part.items} == {(part.sender, part.kind)}
        assert len(part.items) <= min(batch, *[most.get(item.sequence, batch) for item in part.items])
        assert len(part.items) == 1 or part.kind in BATCHED
    place = {item.sequence: number for number, item in enumerate(sent)}
    for earlier in items:
        for later in items[earlier.sequence :]:
            subjects = (getattr(earlier.act, "subject", None), getattr(later.act, "subject", None))
            if None in subjects or subjects[0] == subjects[1]:
                assert place[earlier.sequence] < place[later.sequence]
