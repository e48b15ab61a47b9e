"""Pages of lists that hold everything there is, cut by a bound and taken up again at a sealed cursor.

Invariants: followed until ``next`` is null, a list gives everything that stood in it at the first page, each once,
whatever comes meanwhile; nothing is left out without a ``next`` that says so.
"""

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Query, Request

from api.cursors import Cursors
from ledger.errors import Conflict
from ledger.identity.principal import Principal

MOST_PAGE: Final = 1000
_OWN: Final = frozenset({"cursor", "limit"})
One = TypeVar("One")


class Page:
    """The page that a request asks for.

    Args:
        request: The request; its path and conditions are what a cursor is bound to, beside the caller.
        cursor: ``next`` of the page before; None: the first page.
        limit: Items on the page, at most.
    """

    def __init__(self, request: Request, cursor: str | None, limit: int) -> None:
        self._cursors: Cursors = request.app.state.cursors
        self._search = [
            request.url.path,
            sorted(one for one in request.query_params.multi_items() if one[0] not in _OWN),
        ]
        self._cursor = cursor
        self.limit: Final = limit

    def after(self, who: Principal) -> bytes | None:
        """The name of the item that the page before ended with; None on the first page.

        Raises:
            InvalidInput: The cursor was not given out to the caller for this list.
        """
        return None if self._cursor is None else self._cursors.read(self._cursor, self._bound(who))

    def following(self, who: Principal, last: bytes) -> str:
        """The cursor of the page after the one that ends with the item of this name."""
        return self._cursors.give(last, self._bound(who))

    def of(
        self, who: Principal, items: Sequence[One], name: Callable[[One], bytes]
    ) -> tuple[Sequence[One], str | None]:
        """The page of a whole list, and the cursor of the next one.

        Args:
            who: The caller.
            items: The list, in an order that does not change.
            name: What an item is called, by bytes that belong to it alone.

        Raises:
            Conflict: The item that the page before ended with is gone: a block was taken back.
        """
        last, begin = self.after(who), 0
        if last is not None:
            places = [place for place, one in enumerate(items) if name(one) == last]
            if not places:
                raise Conflict("the chain took back what the page before ended with; start again without the cursor")
            begin = places[0] + 1
        shown = items[begin : begin + self.limit]
        return shown, self.following(who, name(shown[-1])) if begin + self.limit < len(items) else None

    def _bound(self, who: Principal) -> bytes:
        return json.dumps([who.actor, *self._search]).encode()


async def _paged(
    request: Request,
    cursor: Annotated[str | None, Query(description="next of the page before", max_length=256)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE)] = MOST_PAGE,
) -> Page:
    return Page(request, cursor, limit)


async def _paged_shortly(
    request: Request,
    cursor: Annotated[str | None, Query(description="next of the page before", max_length=256)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE)] = 100,
) -> Page:
    return Page(request, cursor, limit)


Paged = Annotated[Page, Depends(_paged)]
PagedShortly = Annotated[Page, Depends(_paged_shortly)]
"""The same, of a hundred items where the caller does not say."""
