"""Accepted acts, as every write answers them."""

from typing import Any, Literal

from api.schemas.base import Answer
from ledger.domain.acts import Act
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import Item


class ItemAnswer(Answer):
    """One act on its way to the chain."""

    digest: str
    act: str
    state: Literal["accepted", "sent", "sealed", "refused"]
    reason: str
    block: int | None
    subject: str | None = None
    id: str | None = None


class ItemsAnswer(Answer):
    """The acts of one request, in order."""

    items: list[ItemAnswer]


class MadeAnswer(ItemsAnswer):
    """The acts of one request, and what was made up for it."""

    id: str
    signer: str | None = None


def item_json(item: Item) -> dict[str, Any]:
    """The JSON form of an item."""
    document: dict[str, Any] = {
        "digest": to_hex(item.digest),
        "act": word_of(item.act),
        "state": item.state.name.lower(),
        "reason": item.reason,
        "block": item.block,
    }
    for name in ("subject", "id"):
        value = getattr(item.act, name, None)
        if isinstance(value, bytes):
            document[name] = to_hex(value)
    return document


def word_of(act: Act) -> str:
    """The word for a kind of act, such as ``withdrawal``."""
    return str(act.__struct_config__.tag)
