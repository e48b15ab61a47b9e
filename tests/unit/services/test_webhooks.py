"""Delivering the feed: in order, again until it is taken, dead after too many failures, and never into the inside."""

import json
from dataclasses import replace

import httpx
import pytest

from ledger.domain.revocation import Webhook
from ledger.errors import InvalidInput
from ledger.notify.webhooks import FIRST_PAUSE, LONGEST_PAUSE, MOST_FAILURES, Notifier
from ledger.services.revocations import ENGINE, follow
from tests.support.scene import fresh

PUBLIC = "93.184.216.34"


class Outside:
    """The world that webhooks are sent to: what it answers, and what it was sent."""

    def __init__(self, house):
        self.house, self.status, self.sent, self.addresses, self.asked = house, 204, [], [PUBLIC], []
        self.notifier = self.made()

    def made(self, allowed=()):
        store = self.house.ledger.store
        client = httpx.Client(transport=httpx.MockTransport(self.take))
        context = self.house.context
        return Notifier(
            context, store.revocations, store.webhooks, allowed=allowed, client=client, resolver=self.resolve
        )

    def resolve(self, host, port):
        self.asked.append((host, port))
        return self.addresses

    def take(self, request):
        if isinstance(self.status, Exception):
            raise self.status
        self.sent.append(request)
        return httpx.Response(self.status, headers={"location": "https://10.0.0.1/"})

    def hook(self, url="https://example.org/hook", **changes):
        engine = self.house.scene.request().engine
        made = replace(Webhook(fresh(), ENGINE, engine, url, 0, self.house.clock.at), **changes)
        self.house.ledger.store.webhooks.add(made)
        return made

    def held(self):
        (found,) = self.house.ledger.store.webhooks.of(ENGINE, self.house.scene.request().engine)
        return found

    def numbers(self):
        return [json.loads(one.content)["data"]["number"] for one in self.sent]


@pytest.fixture
def outside(house):
    """Two withdrawals in the feed: four lines."""
    consents = [house.scene.consent(patient) for patient in house.patients[:2]]
    house.on_chain(*consents)
    acts = [house.scene.withdrawal(patient, one.id) for patient, one in zip(house.patients, consents, strict=False)]
    house.on_chain(*acts)
    while follow(house.context, house.ledger.store.revocations):
        pass
    assert house.ledger.store.revocations.newest() == 4
    return Outside(house)


def test_lines_are_sent_in_order_and_once(outside):
    outside.hook()
    assert outside.notifier.deliver_due() == 4
    assert outside.notifier.deliver_due() == 0
    assert outside.numbers() == [1, 2, 3, 4]
    assert outside.held().after == 4


def test_the_connection_goes_to_the_address_that_was_looked_at(outside):
    outside.hook()
    outside.notifier.deliver_due()
    first = outside.sent[0]
    assert (first.url.host, first.headers["host"]) == (PUBLIC, "example.org")
    assert first.extensions["sni_hostname"] == "example.org"
    assert outside.asked == [("example.org", 443)] * 4


@pytest.mark.parametrize("status", [500, 302, 404, httpx.ConnectError("no"), httpx.ReadTimeout("slow")])
def test_what_fails_is_tried_again_after_pauses_that_grow(outside, status):
    outside.hook()
    outside.status = status
    pauses = []
    for failures in range(1, MOST_FAILURES):
        assert outside.notifier.deliver_due() == 0
        held = outside.held()
        assert (held.failures, held.dead, held.after) == (failures, False, 0)
        pauses.append(held.due_at - outside.house.clock.at)
        assert outside.notifier.deliver_due() == 0
        assert outside.held() == held, "nothing is tried before the pause is over"
        outside.house.clock.at = held.due_at
    assert FIRST_PAUSE <= pauses[0] < 2 * FIRST_PAUSE
    assert all(low <= pause <= high for low, pause, high in [(LONGEST_PAUSE, pauses[-1], 1.25 * LONGEST_PAUSE)])
    outside.notifier.deliver_due()
    assert outside.held().dead
    outside.house.clock.at += 10 * LONGEST_PAUSE
    outside.status = 204
    assert outside.notifier.deliver_due() == 0, "dead until its owner asks for a replay"


def test_a_success_ends_the_row_of_failures(outside):
    outside.hook(failures=7, error="it answered 500")
    outside.notifier.deliver_due()
    assert (outside.held().failures, outside.held().error) == (0, "")


def test_who_is_gone_is_left_alone_at_once(outside):
    outside.hook()
    outside.status = 410
    outside.notifier.deliver_due()
    assert outside.held().dead


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.7", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1",
     "64:ff9b::a00:1", "224.0.0.1", "0.0.0.0", "2002:a00:1::"],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_followed(outside, address):
    """Even if it is only one of the name's addresses, and led outside when the webhook was made."""
    outside.hook()
    outside.addresses = [PUBLIC, address]
    assert outside.notifier.deliver_due() == 0
    assert outside.sent == []
    assert "private network" in outside.held().error


def test_the_operator_can_allow_a_host_inside(outside):
    outside.addresses = ["10.0.0.7"]
    notifier = outside.made(allowed=["intern.example"])
    notifier.check("http://intern.example/hook")
    with pytest.raises(InvalidInput, match="https"):
        notifier.check("http://other.example/hook")
    outside.hook("http://intern.example:8080/hook")
    assert notifier.deliver_due() == 4
    assert str(outside.sent[0].url) == "http://10.0.0.7:8080/hook"


def test_what_is_not_for_the_owner_is_passed_over(outside):
    outside.house.ledger.store.webhooks.add(
        Webhook(fresh(), ENGINE, fresh(), "https://example.org/hook", 0, outside.house.clock.at)
    )
    assert outside.notifier.deliver_due() == 0
    assert outside.sent == []
    assert outside.house.ledger.store.webhooks.due(outside.house.clock.at) == []
