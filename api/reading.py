"""Reading JSON bodies: with a parser whose depth is bounded, so that nesting cannot overflow the stack.

The EVM library raises Python's recursion limit for the whole process, after which the standard parser would follow
deep nesting until the process dies; this parser stops at a fixed depth of about 200.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json


class BoundedRequest(Request):
    """A request whose JSON is read to a bounded depth; NaN and lone surrogates are refused."""

    async def json(self) -> Any:
        """The body's value.

        Raises:
            json.JSONDecodeError: The body is not JSON, or is nested too deep.
        """
        body = await self.body()
        try:
            return from_json(body, allow_inf_nan=False)
        except ValueError as problem:
            raise json.JSONDecodeError(str(problem), "", 0) from problem


class BoundedRoute(APIRoute):
    """A route that reads its body through ``BoundedRequest``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with our request in place of the plain one."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(BoundedRequest(request.scope, request.receive))

        return handle
