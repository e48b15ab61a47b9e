"""Short questions on kept connections: each sees what is committed, and a broken connection is not the end."""

import sqlite3
from contextlib import closing

import pytest

from ledger.errors import NotReady
from ledger.store.short import ShortQuestions


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "short.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("CREATE TABLE number (n INTEGER)")
    return path


@pytest.fixture
def opened():
    return []


@pytest.fixture
def questions(path, opened):
    def connect():
        opened.append(sqlite3.connect(path, isolation_level=None))
        return opened[-1]

    short = ShortQuestions(connect, sqlite3.Error, "?")
    yield short
    short.close()


def test_an_answer_shows_what_another_connection_committed(path, questions, opened):
    assert questions.ask("SELECT max(n) FROM number") == [(None,)]
    with closing(sqlite3.connect(path)) as writer:
        for number in (1, 2, 3):
            writer.execute("INSERT INTO number VALUES (?)", (number,))
            writer.commit()
            assert questions.ask("SELECT n FROM number WHERE n > ? ORDER BY n DESC", (0,))[0] == (number,)
    assert len(opened) == 1


def test_a_connection_that_broke_is_opened_again(questions, opened):
    questions.ask("SELECT 1")
    opened[0].close()
    assert questions.ask("SELECT 1") == [(1,)]
    assert len(opened) == 2


def test_a_question_that_cannot_be_answered_is_not_ready(questions):
    with pytest.raises(NotReady):
        questions.ask("SELECT * FROM nothing")
    assert questions.ask("SELECT 1") == [(1,)]


def test_parameters_are_written_as_the_driver_wants_them(path):
    short = ShortQuestions(lambda: sqlite3.connect(path, isolation_level=None), sqlite3.Error, ":value")
    assert short.ask("SELECT ? + 1", {"value": 1}) == [(2,)]
    short.close()


def test_many_questions_are_one_transaction_and_keep_their_order(path, questions, opened):
    with closing(sqlite3.connect(path)) as writer:
        writer.executemany("INSERT INTO number VALUES (?)", [(1,), (2,)])
        writer.commit()
        assert questions.ask_each("SELECT n FROM number WHERE n = ?", [(2,), (7,), (1,)]) == [[(2,)], [], [(1,)]]
    assert not opened[0].in_transaction


def test_a_broken_group_of_questions_leaves_no_transaction_open(questions, opened):
    with pytest.raises(NotReady):
        questions.ask_each("SELECT n FROM number WHERE n = ?", [(1,), (1, 2)])
    assert questions.ask("SELECT 1") == [(1,)]
    assert not opened[-1].in_transaction


def test_closing_ends_the_kept_connections_and_keeps_no_more(questions, opened):
    questions.ask("SELECT 1")
    questions.close()
    questions.ask("SELECT 1")
    assert len(opened) == 2
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")
