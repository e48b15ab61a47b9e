"""What is on its way to the chain for a subject: all of it, however much came after, and nothing that was refused."""

from types import SimpleNamespace

import pytest

from api.routes.subjects import custodian_for, pending_of
from ledger.domain.acts import Enrolment
from ledger.domain.outbox import ItemState
from ledger.errors import NotFound
from ledger.identity.principal import Role
from tests.fakes.store import MemoryOutbox

SUBJECT, CUSTODIAN = b"\x01" * 32, b"\x0b" * 32
DESK = SimpleNamespace(id=CUSTODIAN, role=Role.INSTITUTION)


@pytest.fixture
def ports():
    """An outbox with an enrolment and three hundred acts after it; the copy of the chain has none of them."""
    outbox = MemoryOutbox()
    enrolment = Enrolment(SUBJECT, CUSTODIAN, b"\x02" * 20, 1, 0, 9, bytes(32), 9)
    acts = [enrolment, *[SimpleNamespace(subject=SUBJECT) for _ in range(300)]]
    outbox.accept([(number.to_bytes(32), act) for number, act in enumerate(acts)], at=0)
    mirror = SimpleNamespace(history=lambda _kind, _subject: [], cursor=lambda: None)
    return SimpleNamespace(outbox=outbox, mirror=mirror)


def test_an_act_is_shown_behind_however_many_newer_ones(ports):
    items = pending_of(ports, SUBJECT, 7)
    ports.outbox.accept([(b"\xff" * 32, SimpleNamespace(subject=b"\x02" * 32))], at=0)
    assert len(items) == 301
    assert pending_of(ports, SUBJECT, 7) == items


def test_an_enrolment_on_its_way_makes_a_custodian_however_much_came_after(ports):
    assert custodian_for(ports, DESK, SUBJECT) == CUSTODIAN


def test_a_refused_enrolment_makes_nobody_a_custodian(ports):
    ports.outbox._change(1, state=ItemState.REFUSED)
    with pytest.raises(NotFound):
        custodian_for(ports, DESK, SUBJECT)
