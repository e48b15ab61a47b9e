"""The feed of revocations: only ever added to, in one order, by one writer at a time; on each database."""

import secrets
import threading
from dataclasses import replace

import pytest

from ledger.domain.revocation import Act, Followed, Revocation, Stage, Webhook
from tests.support.stores import open_store


@pytest.fixture
def opened(url):
    store = open_store(url)
    yield store
    store.close()


def line(number=0, **changes):
    made = Revocation(Stage.ACCEPTED, Act.WITHDRAWAL, secrets.token_bytes(32), bytes(32), bytes(32), None, number)
    return replace(made, **changes)


def test_lines_are_read_in_order_and_after_a_number(opened):
    feed = opened.revocations
    lines = [line(at) for at in range(5)] + [line(6, consent=None, digest=None, block=7, stage=Stage.CONFIRMED)]
    assert feed.followed() == Followed()
    now = Followed(5, 3, b"\x01" * 32)
    assert feed.tell(lines[:3], before=Followed(), now=replace(now, sequence=3))
    assert feed.tell(lines[3:], before=replace(now, sequence=3), now=now)
    told = feed.after(0, 100)
    assert [one.revocation for one in told] == lines
    assert [one.revocation for one in feed.after(told[1].number, 2)] == lines[2:4]
    assert feed.newest() == told[-1].number
    assert feed.followed() == now


def test_who_comes_second_adds_nothing(opened):
    feed = opened.revocations
    assert feed.tell([line()], before=Followed(), now=Followed(1))
    assert not feed.tell([line()], before=Followed(), now=Followed(1))
    assert not feed.tell([line()], before=Followed(9), now=Followed(10))
    assert len(feed.after(0, 10)) == 1


def test_of_many_writers_at_once_each_line_is_added_once(opened):
    feed = opened.revocations
    start = threading.Barrier(4)

    def write():
        start.wait()
        for _ in range(5):
            before = feed.followed()
            feed.tell([line(before.sequence)], before=before, now=replace(before, sequence=before.sequence + 1))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = feed.after(0, 100)
    assert [one.revocation.at for one in told] == list(range(len(told)))
    assert feed.followed().sequence == len(told) > 0


def test_accepted_lines_are_found_by_their_acts(opened):
    feed = opened.revocations
    wanted = line(digest=b"\x02" * 32)
    feed.tell([line(), wanted, replace(wanted, stage=Stage.REFUSED)], before=Followed(), now=Followed(1))
    assert feed.accepted([b"\x02" * 32, b"\x03" * 32]) == [wanted]


def test_webhooks_are_due_when_the_feed_has_something_for_them(opened):
    hooks, feed = opened.webhooks, opened.revocations
    hook = Webhook(b"\x01" * 32, "engine", b"\x02" * 32, "https://example.org/hook", 0, 10)
    hooks.add(hook)
    assert hooks.of("engine", b"\x02" * 32) == [hook]
    assert hooks.of("institution", b"\x02" * 32) == []
    assert hooks.due(100) == []
    feed.tell([line()], before=Followed(), now=Followed(1))
    assert hooks.due(100) == [hook]
    hooks.put(replace(hook, due_at=101))
    assert hooks.due(100) == []
    assert hooks.due(101) == [replace(hook, due_at=101)]
    hooks.put(replace(hook, dead=True, failures=12, error="gone"))
    assert hooks.due(101) == []
    hooks.put(replace(hook, after=feed.newest()))
    assert hooks.due(101) == []
    hooks.remove(hook.id)
    hooks.put(hook)
    assert hooks.of("engine", b"\x02" * 32) == []
