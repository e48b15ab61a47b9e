"""The hot routes answer what the ordinary ones do, or hand on: same bytes, same refusals, same records."""

import json
import time

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import create_app
from ledger.errors import ProofInvalid
from ledger.transparency.look_receipt import open_look
from ledger.transparency.receipt import open_append, open_decision
from tests.support.service import fresh_id

COLD = "application/json; charset=utf-8"  # means the same, and is not of the usual form


class Both:
    """One application, asked through its hot door and past it, by one caller."""

    def __init__(self, service, role, sub):
        self.door = create_app(service.ledger)
        self.inner = self.door._app
        self.door._app = self._count
        self.handed_on = 0
        self.token = service.token(role, sub)
        self.ask("/v1/decisions", b"{}")  # from here on the token is known

    async def _count(self, *call):
        self.handed_on += 1
        await self.inner(*call)

    def ask(self, path, body, kind="application/json", **headers):
        return self.send(
            path,
            body,
            {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "X-Request-ID": "r-1"} | headers,
        )

    def send(self, path, body, sent):
        transport = httpx.ASGITransport(self.door, raise_app_exceptions=False)

        async def ask():
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.post(path, content=body, headers=sent)

        import asyncio

        return asyncio.run(ask())

    def compare(self, path, body):
        """Ask both ways; the answers are equal but for the instant. Gives the answer, and whether it was hot."""
        before = self.handed_on
        hot = self.ask(path, body)
        was_hot = self.handed_on == before
        cold = self.ask(path, body, COLD)
        assert hot.status_code == cold.status_code, (hot.text, cold.text)
        assert {name: value for name, value in hot.headers.items() if name != "content-length"} == {
            name: value for name, value in cold.headers.items() if name != "content-length"
        }
        assert _timeless(hot) == _timeless(cold)
        return hot, was_hot


def _timeless(response):
    document = response.json()
    for name in ("at", "id", "receipt", "entry"):
        if document.pop(name, None) is not None and name != "at":
            document["has"] = [*document.get("has", ()), name]
    return document


@pytest.fixture(scope="module")
def both(service, world):
    return Both(service, "engine", world.engine)


@pytest.fixture(scope="module")
def subjects(world, ann):
    return [ann[0], *(subject for subject, _ in world.enrol(2)), fresh_id()]


def look(world, subjects, **changes):
    return world.question(subjects=subjects, record=False) | changes


def evaluation(world, subject):
    return {
        "subject": {"type": "engine", "id": world.engine},
        "action": {"name": "differential-privacy"},
        "resource": {"type": "patient", "id": subject},
        "context": {"study": world.study, "categories": ["demographics", "outcomes"]},
    }


@pytest.mark.parametrize("name", ["Content-Type", "X-Request-ID", "Authorization"])
def test_a_head_that_says_something_twice_is_handed_on(world, both, subjects, name):
    before = both.handed_on
    body = json.dumps(look(world, subjects)).encode()
    twice = httpx.Headers(
        [
            (name, "text/plain"),
            ("Authorization", f"Bearer {both.token}"),
            ("Content-Type", "application/json"),
            ("X-Request-ID", "r-1"),
        ]
    )
    both.send("/v1/decisions", body, twice)
    assert both.handed_on == before + 1


@pytest.mark.parametrize("changes", [{}, {"compact": True}, {"engine": None}, {"dataset": None}, {"at_least_block": 1}])
def test_a_look_is_hot_and_the_same(world, both, subjects, changes):
    answer, hot = both.compare("/v1/decisions", json.dumps(look(world, subjects, **changes)).encode())
    assert hot
    assert (answer.status_code, answer.json()["permitted"]) == (200, 1)
    assert answer.headers["x-request-id"] == "r-1"


def test_the_compact_form_says_the_same(world, both, subjects):
    whole = both.ask("/v1/decisions", json.dumps(look(world, subjects)).encode()).json()
    compact = both.ask("/v1/decisions", json.dumps(look(world, subjects, compact=True)).encode()).json()["compact"]
    said = [compact["kinds"][place] for place in compact["of"]]
    assert said == [{name: one[name] for name in said[0]} for one in whole["decisions"]]
    assert compact["valid_until"] == min(one["valid_until"] for one in whole["decisions"])


def test_one_evaluation_is_hot_and_the_same(world, both, subjects):
    for subject in subjects:
        answer, hot = both.compare("/access/v1/evaluation", json.dumps(evaluation(world, subject)).encode())
        assert hot
        assert answer.json()["decision"] is (subject == subjects[0])


def test_several_evaluations_are_hot_and_the_same(world, both, subjects):
    beside = evaluation(world, subjects[0])
    parts = [{"resource": {"type": "patient", "id": one}} for one in [*subjects, subjects[0]]]
    answer, hot = both.compare("/access/v1/evaluations", json.dumps({**beside, "evaluations": [*parts, {}]}).encode())
    assert hot
    assert [one["decision"] for one in answer.json()["evaluations"]] == [True, False, False, False, True, True]


def test_a_record_is_hot_and_durable(service, world, both, ann):
    before = service.rows()["decision"]
    handed_on = both.handed_on
    answer = both.ask("/v1/decisions", json.dumps(world.question(subjects=[ann[0]])).encode())
    assert both.handed_on == handed_on
    held = service.get(f"/v1/decisions/{answer.json()['id']}", "engine", world.engine)
    assert (answer.json()["receipt"], answer.json()["entry"]) == (held["receipt"], held["entry"])
    assert service.rows()["decision"] == before + 1


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(
        [1 << 63, 1.0, "", "engine", "patient", "0x" + "0" * 64, "0X" + "1" * 64, "0x" + "1" * 63, "\n", []]
    ),
    st.text(max_size=5),
    st.dictionaries(st.sampled_from(["type", "id", "name", "from", "x"]), st.text(max_size=3), max_size=2),
    st.lists(st.sampled_from(["demographics", "outcomes", "any", "x"]), max_size=3),
)


@st.composite
def spoiled(draw, body):
    """A body in which a few values were changed, removed or added, at any depth."""
    for _ in range(draw(st.integers(0, 2))):
        here = body
        while True:
            name = draw(st.sampled_from([*here, "properties", "as_of", "finalized", "options"]))
            if isinstance(here.get(name), dict) and draw(st.booleans()):
                here = here[name]
                continue
            if draw(st.booleans()):
                here[name] = draw(VALUES)
            else:
                here.pop(name, None)
            break
        if not body:
            break
    return json.dumps(body).encode()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_whatever_is_asked_both_ways_answer_the_same(world, both, subjects, data):
    path, body = data.draw(
        st.sampled_from(
            [
                ("/v1/decisions", look(world, list(subjects))),
                ("/access/v1/evaluation", evaluation(world, subjects[0])),
                ("/access/v1/evaluations", {**evaluation(world, subjects[0]), "evaluations": [{}, {}]}),
            ]
        )
    )
    sent = data.draw(spoiled(json.loads(json.dumps(body))))
    if json.loads(sent).get("record", path != "/v1/decisions") is not False and path == "/v1/decisions":
        return  # would write
    both.compare(path, sent)


@pytest.mark.parametrize(
    "texts",
    [["0x" + "1" * 64, "0x" + "A" * 64], ["0x" + "1" * 63, "0x" + "1" * 65], ["0x" + "1" * 64, "0x" + "0" * 64]],
)
def test_many_ids_are_read_as_strictly_as_one(world, both, texts):
    answer, hot = both.compare("/v1/decisions", json.dumps(look(world, texts)).encode())
    assert (hot, answer.status_code) == (False, 400)


def test_the_same_key_gives_the_same_record(service, world, both, ann):
    before = service.rows()["decision"]
    body = json.dumps(world.question(subjects=[ann[0]])).encode()
    first, second = (both.ask("/v1/decisions", body, **{"Idempotency-Key": fresh_id()[:40]}) for _ in range(2))
    assert first.status_code == second.status_code == 200
    key = {"Idempotency-Key": fresh_id()[:40]}
    again = [both.ask("/v1/decisions", body, **key).json() for _ in range(2)]
    assert again[0] == again[1]
    assert service.rows()["decision"] == before + 3


def test_a_token_ends_on_time_and_another_is_not_let_in(service, world, both, subjects):
    body = json.dumps(look(world, subjects)).encode()
    checker = both.inner._app._app.state.door.checker
    known = both.token.encode()
    assert checker.remembered(known) is not None
    assert checker.remembered(known[:-1]) is None
    clock, checker._clock = checker._clock, type("Later", (), {"now": staticmethod(lambda: int(time.time()) + 4_000)})()
    try:
        assert both.ask("/v1/decisions", body).status_code == 401
    finally:
        checker._clock = clock


def test_a_token_without_the_scope_is_refused(service, world, subjects):
    auditor = Both(service, "auditor", world.auditor)
    answer, hot = auditor.compare("/v1/decisions", json.dumps(look(world, subjects)).encode())
    assert (hot, answer.status_code) == (False, 403)


def test_too_many_requests_are_refused_hot_too(service, world, subjects):
    from api.bounds import Rates

    caller = Both(service, "engine", world.engine)
    caller.door._rates = Rates(1)
    body = json.dumps(look(world, subjects)).encode()
    assert [caller.ask("/v1/decisions", body).status_code for _ in range(2)] == [200, 429]
    assert caller.ask("/v1/decisions", body).json()["type"] == "/problems/too-many-requests"


def test_what_broke_inside_is_not_told(service, world, subjects, monkeypatch):
    caller = Both(service, "engine", world.engine)
    monkeypatch.setattr("api.hot.questions.look", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("api.hot.questions.look_at", lambda *_, **__: 1 / 0)
    answer = caller.ask("/v1/decisions", json.dumps(look(world, subjects)).encode())
    assert answer.status_code == 500
    assert answer.json()["detail"] == "the failure is in our log; try again later"


@pytest.mark.parametrize("compact", [False, True])
def test_many_are_answered_in_columns_and_the_same(world, both, subjects, compact):
    many = [*subjects, *(fresh_id() for _ in range(40))]
    answer, hot = both.compare("/v1/decisions", json.dumps(look(world, many, compact=compact)).encode())
    assert hot
    assert (answer.status_code, answer.json()["permitted"], answer.json()["considered"]) == (200, 1, len(many))
    twice, _ = both.compare("/v1/decisions", json.dumps(look(world, [*many, many[0]], compact=compact)).encode())
    assert twice.status_code == 400


def test_a_signed_look_says_what_the_answer_says_and_no_more(service, world, both, subjects, unwritten):
    keys = service.ledger.context.log_keys.published
    for subject in subjects:
        body = json.dumps(look(world, [subject], receipt=True)).encode()
        answer, hot = both.compare("/v1/decisions", body)
        assert hot
        document = answer.json()
        (said,) = document["decisions"]
        told = msgspec.to_builtins(open_look(document["receipt"], keys))
        assert {name: told[name] for name in said} == said
        assert (told["at"], told["block"]) == (document["at"], document["block"])
        for opened in (open_decision, open_append):  # of another type: no ground to touch data
            with pytest.raises(ProofInvalid):
                opened(document["receipt"], keys)
        with pytest.raises(ProofInvalid):
            open_look(document["receipt"][:-8] + "AAAAAAAA", keys)


@pytest.mark.parametrize("changes", [{"compact": True}, {"finalized": True}])
def test_a_signed_look_comes_in_every_form(world, both, subjects, changes):
    answer, _ = both.compare("/v1/decisions", json.dumps(look(world, subjects[:1], receipt=True, **changes)).encode())
    assert answer.json()["receipt"]


def test_a_look_is_not_signed_for_several_or_for_the_past(world, both, subjects):
    for changes in ({"subjects": subjects}, {"as_of": {"at": int(time.time())}}):
        body = json.dumps(look(world, subjects[:1], receipt=True) | changes).encode()
        answer, hot = both.compare("/v1/decisions", body)
        assert (hot, answer.status_code) == (False, 400)
