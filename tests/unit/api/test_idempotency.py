"""The same key: the same answer to the same request, and never two answers to two."""

import pytest
from fastapi import Response

from api.idempotency import Answers, place_of
from ledger.errors import Conflict, InvalidInput, Replayed

PLACE = place_of("engine:0x01", "/v1/x", "key")


def test_an_answer_is_given_again():
    answers = Answers(bytes(32))
    assert answers.begin(PLACE, b"one") is None
    given = Response(b"done", 202)
    answers.keep(PLACE, given)
    assert answers.begin(PLACE, b"one") is given
    with pytest.raises(Replayed):
        answers.begin(PLACE, b"two")


def test_a_second_request_does_not_overtake_the_first():
    answers = Answers(bytes(32))
    answers.begin(PLACE, b"one")
    with pytest.raises(Conflict):
        answers.begin(PLACE, b"one")
    with pytest.raises(Replayed):
        answers.begin(PLACE, b"two")


def test_a_failure_may_be_tried_again():
    answers = Answers(bytes(32))
    answers.begin(PLACE, b"one")
    answers.drop(PLACE)
    assert answers.begin(PLACE, b"other") is None
    answers.keep(PLACE, Response(b"", 409))
    assert answers.begin(PLACE, b"one") is None


def test_a_place_belongs_to_one_caller_one_address_and_one_key():
    places = {place_of(actor, path, key) for actor in ("a", "b") for path in ("/v1/x", "/v1/y") for key in ("1", "2")}
    assert len(places) == 8
    for key in ("", "x" * 129, "é", "a\nb"):
        with pytest.raises(InvalidInput):
            place_of("a", "b", key)


def test_made_up_ids_follow_from_the_key_and_the_secret_alone():
    make, again = Answers(b"s" * 32).maker(PLACE), Answers(b"s" * 32).maker(PLACE)
    assert [make(number) for number in range(3)] == [again(number) for number in range(3)]
    assert len({make(number) for number in range(100)}) == 100
    assert Answers(b"t" * 32).maker(PLACE)(0) != make(0)
    assert Answers(b"s" * 32).maker(place_of("a", "b", "c"))(0) != make(0)
    assert len(make(0)) == 32


def test_answers_are_forgotten_when_there_are_too_many_but_never_those_under_way():
    answers = Answers(bytes(32))
    answers.begin(PLACE, b"one")
    for number in range(5000):
        place = place_of("a", "/v1/x", str(number))
        answers.begin(place, b"")
        answers.keep(place, Response(b"", 202))
    with pytest.raises(Conflict):
        answers.begin(PLACE, b"one")
    assert answers.begin(place_of("a", "/v1/x", "0"), b"") is None
    assert answers.begin(place_of("a", "/v1/x", "4999"), b"") is not None
