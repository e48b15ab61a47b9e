"""The log's side of tlog-witness: asking a witness to sign a head.

Invariant: a line counts only once it verifies under the key that the settings name; what a witness sends is never
kept unread.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from ledger.errors import ConfigurationError, ConsentryError, InvalidInput, NotReady, ProofInvalid
from ledger.transparency.cosignature import Quorum, WitnessKey, cosigned
from ledger.transparency.witness import Ask

SECONDS = 10.0
_MOST_BYTES = 1 << 14
_TRIES = 3

Prove = Callable[[int], tuple[bytes, ...]]
"""The consistency proof from a size to the head that is asked about."""


@dataclass(slots=True)
class WitnessClient:
    """One witness.

    Attributes:
        key: Its public key.
        url: The address before ``/add-checkpoint``.
        client: The HTTP client.
    """

    key: WitnessKey
    url: str
    client: httpx.Client
    _known: dict[str, int] = field(default_factory=dict)
    """The size that the witness signed last, by origin; 0 where it never told."""

    def cosign(self, origin: str, size: int, note: str, prove: Prove) -> str:
        """The witness's line under a checkpoint.

        Args:
            origin: The log's.
            size: The checkpoint's.
            note: The checkpoint, signed by its log.
            prove: The proof from a smaller size.

        Raises:
            NotReady: The witness cannot be reached, or does not watch this log.
            ProofInvalid: The witness has seen another log of this origin, or its line does not verify.
        """
        old = min(self._known.get(origin, 0), size)
        for _ in range(_TRIES):
            status, body, kind = self._post(str(Ask(old, prove(old) if old else (), note)))
            if status == HTTPStatus.OK:
                line = self._checked(note, body)
                self._known[origin] = size
                return line
            if status != HTTPStatus.CONFLICT or not kind.startswith("text/x.tlog.size") or not body.strip().isdigit():
                words = f"{self.key.name} answers {status}: {body.strip()[:200]}"
                if status == HTTPStatus.UNPROCESSABLE_ENTITY:
                    raise ProofInvalid(f"witness {words}")
                raise NotReady(f"witness {words}")
            before, old = old, int(body)
            if old > size:
                raise ProofInvalid(f"witness {self.key.name} signed {old} entries of this log, which has only {size}")
            if old == before:
                raise ProofInvalid(f"witness {self.key.name} signed another head of {old} entries of this log")
        raise NotReady(f"witness {self.key.name} is busy with newer heads; it is asked again")

    def _checked(self, note: str, body: str) -> str:
        for line in body.splitlines(keepends=True):
            try:
                if self.key.name in cosigned(note + line, [self.key]):
                    return line
            except ConsentryError as problem:
                raise ProofInvalid(f"witness {self.key.name}: {problem}") from problem
        raise ProofInvalid(f"witness {self.key.name} answered without its signature")

    def _post(self, body: str) -> tuple[int, str, str]:
        try:
            with self.client.stream("POST", f"{self.url}/add-checkpoint", content=body, timeout=SECONDS) as response:
                data = bytearray()
                for part in response.iter_bytes():
                    data += part
                    if len(data) > _MOST_BYTES:
                        raise NotReady(f"witness {self.key.name} answers with more than {_MOST_BYTES} bytes")
                return response.status_code, data.decode(), response.headers.get("content-type", "")
        except (httpx.HTTPError, UnicodeDecodeError) as problem:
            raise NotReady(f"witness {self.key.name} cannot be reached: {problem}") from problem


def read_witnesses(text: str, client: httpx.Client) -> tuple[WitnessClient, ...]:
    """The witnesses that the setting names.

    Args:
        text: Key and address of each, with a space between, and commas between witnesses; or nothing.
        client: The HTTP client for all of them.

    Raises:
        ConfigurationError: It is not written like that, or names a witness twice.
    """
    found: list[WitnessClient] = []
    for one in filter(None, map(str.strip, text.split(","))):
        key, _, url = one.partition(" ")
        try:
            found.append(WitnessClient(WitnessKey.parse(key), _address(url.strip()), client))
        except InvalidInput as problem:
            raise ConfigurationError(f"CONSENTRY_WITNESSES: {problem}") from problem
    if found:
        try:
            Quorum(tuple(one.key for one in found), 1)
        except InvalidInput as problem:
            raise ConfigurationError(f"CONSENTRY_WITNESSES: {problem}") from problem
    return tuple(found)


def _address(url: str) -> str:
    target = httpx.URL(url)
    if target.scheme not in {"https", "http"} or not target.host:
        raise InvalidInput("behind each key stands the witness's address, like https://witness.example/consentry")
    return url.rstrip("/")
