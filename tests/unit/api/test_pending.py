"""What is on its way to the chain for a subject: all of it, however much came after."""

from types import SimpleNamespace

from api.routes.subjects import pending_of
from tests.fakes.store import MemoryOutbox

SUBJECT = b"\x01" * 32


def test_an_act_is_shown_behind_however_many_newer_ones():
    outbox = MemoryOutbox()
    acts = [(number.to_bytes(32), SimpleNamespace(subject=SUBJECT)) for number in range(300)]
    items = outbox.accept(acts, at=0)
    outbox.accept([(b"\xff" * 32, SimpleNamespace(subject=b"\x02" * 32))], at=0)
    assert pending_of(SimpleNamespace(outbox=outbox), SUBJECT, 7) == items
