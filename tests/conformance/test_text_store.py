"""What every store of consent texts keeps to, the fake too (``ports.TextStore``)."""

from hashlib import sha256

from sqlalchemy import text as sql

from ledger.store.database import Database
from tests.support.stores import open_store

TEXT = "You may use my data.\nSi, gallwch ddefnyddio fy nata — \N{GREEK SMALL LETTER ALPHA}\n"


def test_a_text_is_found_by_its_hash(store):
    digest = sha256(TEXT.encode()).digest()
    assert store.texts.get(digest) is None
    assert [store.texts.keep(TEXT) for _ in range(2)] == [digest, digest]
    assert store.texts.get(digest) == TEXT
    assert store.texts.get(bytes(32)) is None


def test_a_text_that_was_changed_in_the_database_is_no_text(sqlite_url):
    store = open_store(sqlite_url)
    digest = store.texts.keep(TEXT)
    database = Database(sqlite_url)
    with database.writing() as connection:
        connection.execute(sql("UPDATE consent_text SET text = 'You may sell my data.'"))
    assert store.texts.get(digest) is None
    database.close()
    store.close()
