"""The nodes that somebody who verifies names with ``--rpc``."""

from dataclasses import dataclass
from typing import Any

import httpx

from ledger.errors import NotReady

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class HttpNode:
    """A node behind a JSON-RPC address (``ledger.verify.nodes.Node``).

    Attributes:
        name: Its address.
    """

    name: str

    def ask(self, method: str, *params: Any) -> Any:
        """As ``Node.ask``."""
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            answer = httpx.post(self.name, json=question, timeout=SECONDS).raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            raise NotReady(f"it cannot be asked: {problem}") from problem
        if not isinstance(answer, dict) or "result" not in answer:
            raise NotReady(f"it refuses {method}")
        return answer["result"]
