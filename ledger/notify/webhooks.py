"""Webhooks: each line of the feed is sent to whoever asked for it, in order, until it is taken.

Form: Standard Webhooks with its asymmetric signature (``v1a``): Ed25519 over ``id.timestamp.body`` by the key that
signs receipts now, which ``/.well-known/jwks.json`` publishes. So no secret is shared, and none can leak from here.

Invariants:

- A line is sent at least once and, to one address, after the one before it was taken (any 2xx); the id is the same at
  each try. What fails is tried again after a pause that doubles; after ``MOST_FAILURES`` the webhook is dead until its
  owner asks for a replay. Nothing is lost by that: the feed keeps every line.
- No request goes into a private network or to this machine, nor without TLS, but to hosts that the operator named. The
  name is resolved once, every address is looked at, and the connection is made to the address that was looked at; no
  redirect is followed.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import ipaddress
import logging
import socket
from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx
import msgspec

from ledger.domain.revocation import Told, Webhook
from ledger.errors import InvalidInput
from ledger.ports import RevocationStore, WebhookStore
from ledger.services.context import Context
from ledger.services.revocations import line_json, page

log = logging.getLogger("consentry.webhooks")

MOST_FAILURES: Final = 20
FIRST_PAUSE: Final = 5
LONGEST_PAUSE: Final = 3_600
TIMEOUT_SECONDS: Final = 5.0
LINES_AT_ONCE: Final = 50
GONE: Final = 410
_PORTS: Final = {"https": 443, "http": 80}
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: IPv4 addresses behind a translator
Resolve = Callable[[str, int], Sequence[str]]
_encode = msgspec.json.Encoder().encode


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class Notifier:
    """Delivers the feed; one process at a time does.

    Args:
        context: The ports.
        feed: The feed.
        hooks: Who is sent it.
        allowed: Hosts in private networks that the operator named.
        client: The HTTP client; it needs to follow no redirects.
        resolver: Finds the addresses of a host.
    """

    def __init__(
        self,
        context: Context,
        feed: RevocationStore,
        hooks: WebhookStore,
        *,
        allowed: Collection[str],
        client: httpx.Client,
        resolver: Resolve = resolve,
    ) -> None:
        self._context = context
        self._feed = feed
        self._hooks = hooks
        self._allowed = frozenset(host.strip().lower() for host in allowed if host.strip())
        self._client = client
        self._resolve = resolver

    def check(self, url: str) -> None:
        """Accept an address for a webhook; its host is resolved only when something is sent.

        Raises:
            InvalidInput: It is no address that may be sent to.
        """
        self._parts(url)

    def deliver_due(self) -> int:
        """Send what is due; returns how many lines were taken."""
        return sum(self._deliver(hook) for hook in self._hooks.due(self._context.clock.now()))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _deliver(self, hook: Webhook) -> int:
        found = page(self._context, self._feed, hook.role, hook.owner, after=hook.after, limit=LINES_AT_ONCE)
        taken = 0
        for told in found.lines:
            try:
                status = self._send(hook, told)
            except (InvalidInput, httpx.HTTPError, OSError, UnicodeError) as problem:
                self._hooks.put(self._failed(hook, f"{type(problem).__name__}: {problem}"))
                return taken
            if not 200 <= status < 300:
                self._hooks.put(self._failed(hook, f"it answered {status}", gone=status == GONE))
                return taken
            hook = replace(hook, after=told.number, failures=0, error="", due_at=0)
            self._hooks.put(hook)
            taken += 1
        if found.after > hook.after:  # the rest of the page is not for its owner
            self._hooks.put(replace(hook, after=found.after))
        return taken

    def _failed(self, hook: Webhook, error: str, *, gone: bool = False) -> Webhook:
        failures = hook.failures + 1
        pause = min(FIRST_PAUSE << min(failures - 1, 16), LONGEST_PAUSE)
        spread = self._context.entropy.token(1)[0] * pause // 1024  # up to a quarter more, so that tries spread
        dead = gone or failures >= MOST_FAILURES
        log.log(logging.ERROR if dead else logging.WARNING, "webhook 0x%s: %s", hook.id.hex(), error)
        due = self._context.clock.now() + pause + spread
        return replace(hook, failures=failures, dead=dead, error=error[:500], due_at=due)

    def _send(self, hook: Webhook, told: Told) -> int:
        parts = self._parts(hook.url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        address = self._address(host, port)
        now = self._context.clock.now()
        message = f"msg_{hook.id.hex()[:16]}_{told.number}"
        body = _encode(
            {
                "type": "consent.revocation",
                "timestamp": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
                "data": line_json(told),
            }
        )
        signature = self._context.log_keys.receipts.sign(f"{message}.{now}.".encode() + body)
        headers = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": "consentry",
            "webhook-id": message,
            "webhook-timestamp": str(now),
            "webhook-signature": f"v1a,{b64encode(signature).decode()}",
        }
        target = httpx.URL(hook.url).copy_with(host=address)
        # The address that was looked at is the one that is asked; the certificate must still be the name's.
        with self._client.stream(
            "POST",
            target,
            content=body,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            extensions={"sni_hostname": host},
        ) as response:
            return response.status_code  # whatever it says is not read

    def _parts(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError as problem:
            raise InvalidInput(f"url is not an address: {problem}") from problem
        if parts.scheme not in _PORTS or not host or parts.username is not None or parts.fragment or port == 0:
            raise InvalidInput("url must be an https address, without a user's name and without a fragment")
        if host in self._allowed:
            return parts
        if parts.scheme != "https":
            raise InvalidInput("url must start with https; http is for hosts in CONSENTRY_WEBHOOK_HOSTS alone")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return parts
        _must_be_public(address)
        return parts

    def _address(self, host: str, port: int) -> str:
        addresses = self._resolve(host, port)
        if not addresses:
            raise InvalidInput(f"{host} has no address")
        if host.lower() not in self._allowed:
            for one in addresses:
                _must_be_public(ipaddress.ip_address(one.partition("%")[0]))
        return addresses[0]


def _must_be_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour or address.teredo or (address in _TRANSLATED)
        public = address.is_global and not address.is_multicast and not hidden
    else:
        public = address.is_global and not address.is_multicast
    if not public:
        raise InvalidInput(f"{address} is in a private network; the operator can allow it in CONSENTRY_WEBHOOK_HOSTS")
