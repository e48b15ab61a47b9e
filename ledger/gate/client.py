"""The clients of the ledger's API: one for threads, one for asyncio; both carry the same conversations.

They fail closed: whatever the network does ends in an error of ``ledger.errors``, never in a permit. Calls that may be
repeated (reads, and writes under an Idempotency-Key) are sent again, with the same key, when the connection breaks or
the ledger says that it is not ready; then the error stands.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from ledger.errors import ConfigurationError, LedgerUnreachable
from ledger.gate.answers import Appended, CohortAnswer, Look
from ledger.gate.conversation import Call, Conversation, EntryDraft, Reply, Talk
from ledger.gate.problems import error_of
from ledger.gate.requests import CohortRequest
from ledger.transparency.keys import KeySet

_Result = TypeVar("_Result")
Token = str | Callable[[], str]

_PAUSES: Final = (0.1, 0.4, 1.0)
"""Seconds before each further try."""
_NOT_READY: Final = frozenset({502, 503, 504})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def fresh_key() -> str:
    """A fresh Idempotency-Key."""
    return secrets.token_hex(16)


class _Client:
    """What both clients share: the address, the token, and the conversation that is carried."""

    def __init__(self, url: str, token: Token, *, keys: KeySet | None, timeout: float, allow_plain_http: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"the ledger's address must start with https://, not {url!r}")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not allow_plain_http:
            raise ConfigurationError(f"{url} would carry the token unencrypted: use https, or allow_plain_http=True")
        self.url: Final = url.rstrip("/")
        self.conversation: Final = Conversation(keys)
        self._token = token
        self._timeout: Final = httpx.Timeout(timeout)

    def _request(self, call: Call) -> dict[str, Any]:
        token = self._token if isinstance(self._token, str) else self._token()
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if call.body:
            headers["Content-Type"] = "application/json"
        if call.key:
            headers["Idempotency-Key"] = call.key
        if call.prefer:
            headers["Prefer"] = call.prefer
        return {"method": call.method, "url": call.path, "content": call.body or None, "headers": headers}

    def _unreachable(self, call: Call, problem: Exception) -> LedgerUnreachable:
        return LedgerUnreachable(
            f"the ledger at {self.url} did not answer {call.method} {call.path} ({type(problem).__name__}: {problem}); "
            "treat it as deny and try again later"
        )


class LedgerClient(_Client):
    """A client for threads; use it as a context manager, or call ``close``.

    Args:
        url: The API's address.
        token: Bearer token, or a function that gives a current one.
        keys: The ledger's receipt keys, when they were learnt beforehand; else those that it publishes are taken.
        timeout: Seconds for one HTTP exchange.
        allow_plain_http: Send the token unencrypted to a host other than this one.
        transport: Another transport of httpx, such as one that speaks to an application in this process.

    Raises:
        ConfigurationError: The address is not one, or the token would travel unencrypted.
    """

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        keys: KeySet | None = None,
        timeout: float = 30.0,
        allow_plain_http: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, keys=keys, timeout=timeout, allow_plain_http=allow_plain_http)
        self._http: Final = httpx.Client(base_url=self.url, timeout=self._timeout, transport=transport)

    def cohort(self, request: CohortRequest, key: str = "") -> CohortAnswer:
        """Ask for a cohort; the decision is recorded and its receipt checked.

        Args:
            request: Who would use what, of whom.
            key: Idempotency-Key; "": a fresh one.

        Raises:
            LedgerUnreachable: No answer, or not from the ledger.
            NotReady: The ledger cannot answer now.
            ProofInvalid: Receipt, commitment or counts do not match.
            Forbidden: The token does not allow it.
        """
        return self.perform(self.conversation.cohort(request, key or fresh_key()))

    def looks(self, request: CohortRequest) -> list[Look]:
        """Answers on single subjects, not recorded; raises as ``cohort``."""
        return self.perform(self.conversation.looks(request))

    def append(self, drafts: Sequence[EntryDraft], key: str) -> Appended:
        """Append entries; the same key appends once. Raises as ``cohort``."""
        return self.perform(self.conversation.append(drafts, key))

    def get(self, path: str) -> Any:
        """The JSON at a path, unchecked; raises as ``cohort``."""
        return decoded(self.perform(self.conversation.get(path)))

    def post(self, path: str, document: Mapping[str, Any], key: str = "", *, wait: int = 0) -> Any:
        """Send any other act; the JSON of the answer, unchecked.

        Args:
            path: Of the API.
            document: The body.
            key: Idempotency-Key; "": a fresh one.
            wait: Seconds that the ledger may take until the act is sealed before it answers.

        Raises:
            ConsentryError: As ``cohort``.
        """
        return decoded(self.perform(self.conversation.post(path, document, key or fresh_key(), wait)))

    def put(self, path: str, document: Mapping[str, Any]) -> None:
        """Put something in its place; raises as ``cohort``."""
        self.perform(self.conversation.put(path, document))

    def delete(self, path: str) -> Any:
        """Delete something; the JSON of the answer, unchecked; raises as ``cohort``."""
        return decoded(self.perform(self.conversation.delete(path)))

    def perform(self, talk: Talk[_Result]) -> _Result:
        """Carry a conversation to its end."""
        try:
            call = next(talk)
            while True:
                call = talk.send(self._send(call))
        except StopIteration as end:
            result: _Result = end.value
            return result

    def events(
        self, path: str, place: str, *, silence: float, opened: Callable[[Callable[[], None]], None]
    ) -> Iterator[tuple[str, str]]:
        """The fields of server-sent events, one by one as they arrive: (name, value); comments have no name.

        Args:
            path: Of the API.
            place: The id to go on after; "": from now on.
            silence: Seconds without a byte after which the stream counts as lost.
            opened: Is given what cuts the stream from another thread, once it is open.

        Raises:
            LedgerUnreachable: The stream did not open, or ended.
            Forbidden: The token does not allow it.
        """
        call = Call("GET", path)
        request = self._request(call)
        request["headers"] |= {"Accept": "text/event-stream"} | ({"Last-Event-ID": place} if place else {})
        timeout = httpx.Timeout(self._timeout.connect, read=silence)
        try:
            with self._http.stream(**request, timeout=timeout) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise error_of(answer.status_code, answer.read())
                connection = answer.extensions.get("network_stream")
                if connection is not None:
                    opened(lambda: _cut(connection.get_extra_info("socket")))
                for line in answer.iter_lines():
                    name, _, value = line.partition(":")
                    if line:
                        yield name, value.removeprefix(" ")
        except (httpx.HTTPError, httpx.StreamError, RuntimeError) as problem:  # RuntimeError: the client was closed
            raise self._unreachable(call, problem) from problem

    def _send(self, call: Call) -> Reply:
        pauses = _PAUSES if call.repeatable else ()
        for pause in (*pauses, None):
            try:
                answer = self._http.request(**self._request(call))
            except httpx.HTTPError as problem:
                if pause is None:
                    raise self._unreachable(call, problem) from problem
            else:
                if pause is None or answer.status_code not in _NOT_READY:
                    return Reply(answer.status_code, answer.content)
            time.sleep(pause)
        raise AssertionError(call)  # the last try returned or raised

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncLedgerClient(_Client):
    """A client for asyncio; the methods, arguments and errors of ``LedgerClient``, awaited."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        keys: KeySet | None = None,
        timeout: float = 30.0,
        allow_plain_http: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, keys=keys, timeout=timeout, allow_plain_http=allow_plain_http)
        self._http: Final = httpx.AsyncClient(base_url=self.url, timeout=self._timeout, transport=transport)

    async def cohort(self, request: CohortRequest, key: str = "") -> CohortAnswer:
        """As ``LedgerClient.cohort``."""
        return await self.perform(self.conversation.cohort(request, key or fresh_key()))

    async def looks(self, request: CohortRequest) -> list[Look]:
        """As ``LedgerClient.looks``."""
        return await self.perform(self.conversation.looks(request))

    async def append(self, drafts: Sequence[EntryDraft], key: str) -> Appended:
        """As ``LedgerClient.append``."""
        return await self.perform(self.conversation.append(drafts, key))

    async def get(self, path: str) -> Any:
        """As ``LedgerClient.get``."""
        return decoded(await self.perform(self.conversation.get(path)))

    async def post(self, path: str, document: Mapping[str, Any], key: str = "", *, wait: int = 0) -> Any:
        """As ``LedgerClient.post``."""
        return decoded(await self.perform(self.conversation.post(path, document, key or fresh_key(), wait)))

    async def put(self, path: str, document: Mapping[str, Any]) -> None:
        """As ``LedgerClient.put``."""
        await self.perform(self.conversation.put(path, document))

    async def delete(self, path: str) -> Any:
        """As ``LedgerClient.delete``."""
        return decoded(await self.perform(self.conversation.delete(path)))

    async def perform(self, talk: Talk[_Result]) -> _Result:
        """Carry a conversation to its end."""
        try:
            call = next(talk)
            while True:
                call = talk.send(await self._send(call))
        except StopIteration as end:
            result: _Result = end.value
            return result

    async def _send(self, call: Call) -> Reply:
        pauses = _PAUSES if call.repeatable else ()
        for pause in (*pauses, None):
            try:
                answer = await self._http.request(**self._request(call))
            except httpx.HTTPError as problem:
                if pause is None:
                    raise self._unreachable(call, problem) from problem
            else:
                if pause is None or answer.status_code not in _NOT_READY:
                    return Reply(answer.status_code, answer.content)
            await asyncio.sleep(pause)
        raise AssertionError(call)  # the last try returned or raised

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _cut(line: socket.socket) -> None:
    """End a connection that another thread reads from: closing it alone would not wake that thread."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def decoded(body: bytes) -> Any:
    """The JSON of a body.

    Raises:
        LedgerUnreachable: It is not JSON.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise LedgerUnreachable(f"what answered is not the ledger: {problem}") from problem
