"""What the clients believe, what they repeat, and that every fault ends in an error of our tree."""

import httpx
import pytest

from api.errors import KINDS, problem_of
from ledger import errors
from ledger.domain.audit import Kind
from ledger.errors import (
    CannotCheck,
    ConfigurationError,
    ConsentDenied,
    Forbidden,
    InvalidInput,
    LedgerUnreachable,
    NotReady,
    ProofInvalid,
    TooLarge,
    UnknownCode,
)
from ledger.gate import CohortRequest, LedgerClient
from ledger.gate.conversation import EntryDraft
from ledger.gate.problems import error_of
from ledger.transparency.checkpoint import Checkpoint, write_checkpoint
from ledger.transparency.keys import KeySet
from tests.fakes.http_ledger import LOG, HttpLedger
from tests.unit.gate.conftest import CATEGORIES, ENGINE, OPERATION, STUDY, URL, subject


@pytest.fixture
def request_(subjects):
    return ask(subjects)


def ask(subjects, /, **changes):
    fields = {"study": STUDY, "engine": ENGINE, "operation": OPERATION, "categories": CATEGORIES, "subjects": subjects}
    return CohortRequest.of(**{**fields, **changes})


def draft(number=0):
    return EntryDraft(Kind.STARTED, STUDY, OPERATION, "0x" + "00" * 32, {"number": number})


def test_a_cohort_is_what_the_ledger_signed(reach, request_, subjects):
    answer = reach().cohort(request_)
    assert answer.permitted == set(subjects[:15])
    assert (answer.considered, answer.block.number, answer.seconds) == (20, 7, 3600)


@pytest.mark.parametrize("subjects_", ["all", {"custodian": "0x" + "c0" * 32}], ids=["all", "custodian"])
def test_a_cohort_that_is_not_listed_is_checked_too(reach, ledger, subjects_):
    answer = reach().cohort(ask(subjects_))
    assert answer.permitted == ledger.permitted


def remove_one(answer):
    answer["permitted"]["subjects"].pop()
    answer["permitted"]["count"] -= 1


def twice(answer):
    answer["permitted"]["subjects"][0] = answer["permitted"]["subjects"][1]


def swap_for_another_asked(answer):
    answer["permitted"]["subjects"].append(subject(19))
    answer["permitted"]["count"] += 1


def stranger(answer):
    answer["permitted"]["subjects"][0] = "0x" + "77" * 32


def nobody(answer):
    answer["permitted"] = {"count": 0, "subjects": []}
    answer["excluded"] = [{"reason": "no_consent", "count": 20, "suppressed": False}]


def put(*path, value):
    def twist(answer):
        *way, last = path
        for part in way:
            answer = answer[part]
        answer[last] = value

    return twist


@pytest.mark.parametrize(
    "twist",
    [
        remove_one,
        twice,
        swap_for_another_asked,
        stranger,
        nobody,
        put("permitted", "count", value=14),
        put("id", value="0x" + "09" * 32),
        put("at", value=1),
        put("block", "number", value=8),
        put("block", "hash", value="0x" + "00" * 32),
        put("valid_until", value=2**40 - 1),
        put("considered", value=21),
        put("commitment", "size", value=21),
        put("commitment", "root", value="0x" + "00" * 32),
        put("excluded", value=[]),
        put("receipt", value="e30.e30.AAAA"),
    ],
)
def test_a_changed_cohort_is_refused(reach, ledger, request_, twist):
    ledger.twist("cohort", twist)
    with pytest.raises(ProofInvalid):
        reach().cohort(request_)


def test_the_whole_answer_to_another_question_is_refused(reach, ledger, subjects):
    kept = {}
    ledger.twist("cohort", kept.update)
    reach().cohort(ask(subjects, categories=["genomics"]))

    def answer_the_other(answer):
        answer.clear()
        answer.update(kept)

    ledger.twist("cohort", answer_the_other)
    with pytest.raises(ProofInvalid, match="the request of the answer"):
        reach().cohort(ask(subjects))


def test_suppressed_counts_need_not_add_up(reach, ledger, request_):
    ledger.twist("cohort", put("excluded", value=[{"reason": "no_consent", "count": None, "suppressed": True}]))
    assert len(reach().cohort(request_).permitted) == 15


def test_a_receipt_by_an_unknown_key_is_refused_when_keys_are_pinned(reach, ledger, request_):
    with pytest.raises(ProofInvalid, match="not among"):
        reach(keys=HttpLedger().keys).cohort(request_)
    assert ("keys", "") not in ledger.calls


def test_a_new_key_of_the_ledger_is_looked_up_once(reach, ledger, request_):
    client = reach()
    client.cohort(request_)
    ledger.signing = HttpLedger().signing
    client.cohort(request_)
    assert [name for name, _ in ledger.calls].count("keys") == 2


def test_a_ledger_without_keys_is_not_believed(reach, ledger, request_):
    ledger.twist("keys", put("keys", value=[]))
    with pytest.raises(CannotCheck):
        reach().cohort(request_)


def test_an_append_gives_place_and_head(reach):
    client = reach()
    first = client.append([draft()], "a")
    second = client.append([draft(1), draft(2)], "b")
    assert [leaf.index for leaf in (*first.entries, *second.entries)] == [0, 1, 2]
    assert second.checkpoint.size == 3


def foreign_head(answer, ledger=HttpLedger()):  # noqa: B008 - one stranger for all
    answer["checkpoint"] = write_checkpoint(Checkpoint(LOG, 9, bytes(32)), [ledger.notes])


@pytest.mark.parametrize(
    "twist",
    [
        put("entries", 0, "index", value=5),
        put("entries", 0, "leaf", value="0x" + "00" * 32),
        put("entries", 0, "log", value="0x" + "22" * 32),
        put("entries", value=[]),
        put("receipt", value="e30.e30.AAAA"),
        put("checkpoint", value="consentry/x\n1\nAA==\n\n— consentry/x AAAAAAA=\n"),
        foreign_head,
    ],
)
def test_a_changed_append_is_refused(reach, ledger, twist):
    ledger.twist("computation.started", twist)
    with pytest.raises(ProofInvalid):
        reach().append([draft()], "a")


def test_a_head_from_before_the_entry_is_refused(reach, ledger):
    client = reach()
    old = client.append([draft()], "a").note
    ledger.twist("computation.started", put("checkpoint", value=old))
    with pytest.raises(ProofInvalid, match="does not hold every"):
        client.append([draft(1)], "b")


def test_two_heads_of_one_size_are_noticed(reach, ledger):
    client = reach()
    client.append([draft()], "a")
    ledger.tree, ledger.entries = type(ledger.tree)(), []
    with pytest.raises(ProofInvalid, match="two different heads"):
        client.append([draft(1)], "b")


@pytest.mark.parametrize(
    "fault",
    [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"), httpx.Response(503)],
    ids=["refused", "timeout", "cut", "503"],
)
def test_an_append_is_repeated_under_the_same_key_and_enters_once(reach, ledger, fault):
    ledger.fail("computation.started", fault, fault)
    reach().append([draft()], "the key")
    assert [call for call in ledger.calls if call[0] != "keys"] == [("computation.started", "the key")] * 3
    assert len(ledger.entries) == 1


def test_it_gives_up_in_the_end(reach, ledger, request_):
    ledger.fail("cohort", *[httpx.ConnectError("no")] * 9)
    with pytest.raises(LedgerUnreachable, match="treat it as deny"):
        reach().cohort(request_)
    assert len(ledger.calls) == 4


def test_a_look_without_a_key_is_not_repeated(reach, ledger, request_):
    ledger.fail("looks", httpx.ConnectError("no"))
    with pytest.raises(LedgerUnreachable):
        reach().looks(request_)
    assert len(ledger.calls) == 1


def test_looks_answer_each_subject(reach, request_):
    looks = reach().looks(request_)
    assert [look.permitted for look in looks] == [True] * 15 + [False] * 5


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"{}"),
        httpx.Response(200, content=b"\xff"),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
        httpx.Response(500, content=b"oops"),
        httpx.Response(404, content=b"not a problem"),
    ],
)
def test_what_is_not_the_ledger_is_no_answer(reach, ledger, request_, answer):
    ledger.fail("cohort", answer)
    with pytest.raises(LedgerUnreachable):
        reach().cohort(request_)


@pytest.mark.parametrize("kind", list(KINDS), ids=lambda kind: kind.__name__)
def test_problem_documents_come_back_as_the_error_they_were(kind):
    answer = problem_of(kind("what happened, and what to do"))
    problem = error_of(answer.status_code, answer.body)
    assert type(problem) is kind
    assert str(problem) == "what happened, and what to do"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, Forbidden), (413, TooLarge), (418, InvalidInput), (503, NotReady), (500, LedgerUnreachable)],
)
def test_an_unknown_slug_goes_by_its_status(status, kind):
    assert type(error_of(status, b'{"type": "/problems/new", "title": "T"}')) is kind


def test_a_denial_is_forbidden_and_not_ready_is_never_yes():
    assert issubclass(ConsentDenied, Forbidden)
    assert issubclass(LedgerUnreachable, NotReady)
    assert not issubclass(errors.NotReady, errors.Forbidden)


@pytest.mark.parametrize("url", ["http://ledger.example", "ftp://x", "nonsense"])
def test_a_token_does_not_travel_unencrypted(url):
    with pytest.raises(ConfigurationError):
        LedgerClient(url, "token")


def test_the_token_is_asked_for_each_time(ledger, request_):
    given = iter(["one", "two", "three"])
    seen = []

    def watch(request):
        seen.append(request.headers["Authorization"])
        return ledger.answer(request)

    client = LedgerClient(URL, lambda: next(given), keys=ledger.keys, transport=httpx.MockTransport(watch))
    client.cohort(request_)
    client.cohort(request_)
    assert seen == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"operation": "differential-privcy"}, UnknownCode),
        ({"categories": ["demographic"]}, UnknownCode),
        ({"categories": []}, InvalidInput),
        ({"categories": "demographics"}, InvalidInput),
        ({"categories": "any"}, InvalidInput),
        ({"study": "0x12"}, InvalidInput),
        ({"engine": ENGINE.upper()}, InvalidInput),
        ({"subjects": []}, InvalidInput),
        ({"subjects": ["0x12"]}, InvalidInput),
        ({"subjects": "everybody"}, InvalidInput),
        ({"subjects": {"hospital": STUDY}}, InvalidInput),
        ({"subjects": {"custodian": "0x12"}}, InvalidInput),
        ({"data_window": (-1, 5)}, InvalidInput),
    ],
)
def test_a_malformed_question_is_not_sent(subjects, changes, kind):
    with pytest.raises(kind):
        ask(subjects, **changes)


def test_pinned_keys_are_a_key_set(ledger):
    assert isinstance(ledger.keys, KeySet)
    assert len(ledger.keys) == 2
