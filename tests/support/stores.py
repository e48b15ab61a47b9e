"""Stores that read the events of real chains and of fake ones."""

from ledger.chain import decoding
from ledger.domain import flat
from ledger.domain.events import Event
from ledger.store import store
from ledger.store.store import Store


def read_event(topics: tuple[bytes, ...], data: bytes) -> Event:
    """The event of a raw log; those of a ``FakeChain`` hold it encoded."""
    return decoding.read_event(topics, data) if topics[0] in decoding.TOPICS else flat.decode(data)


def open_store(url: str) -> Store:
    """As ``store.open_store``."""
    return store.open_store(url, read_event)
