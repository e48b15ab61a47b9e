"""What every step works with: the service, the ids, the devices, the data; and how acts are sent and awaited."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ledger.chain.eip712 import Domains
from ledger.errors import Conflict, ConsentryError, NotFound, NotReady, WrongState
from ledger.gate import EngineIdentity, LedgerClient, opendp
from ledger.identity.principal import Role
from lung.devices import Devices, domains_of
from lung.memory import Memory
from lung.people import Patients, spread
from lung.service import Service
from lung.show import Show

SEALING_SECONDS = 60
PAUSE_SECONDS = 0.3
HOSPITAL = 1
"""The site whose institution runs the study: the one with the most patients."""
OPERATION = "differential-privacy"
CATEGORIES = ("demographics", "outcomes")


@dataclass
class World:
    """All of it."""

    service: Service
    memory: Memory
    devices: Devices
    patients: Patients
    show: Show
    kinds: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = spread(len(self.devices))

    @property
    def hospital(self) -> str:
        """The institution that runs the study; its id is also the id of its log."""
        return self.memory.institutions[HOSPITAL]

    @property
    def steward(self) -> LedgerClient:
        """Who speaks for the consortium."""
        return self.service.client(Role.STEWARD, self.memory.id("steward"))

    @property
    def auditor(self) -> LedgerClient:
        """Who may read every log."""
        return self.service.client(Role.AUDITOR, self.memory.id("auditor"))

    def institution(self, site: int) -> LedgerClient:
        """The desk of a site."""
        return self.service.client(Role.INSTITUTION, self.memory.institutions[site])

    def engine(self, name: str = "engine") -> LedgerClient:
        """An engine."""
        return self.service.client(Role.ENGINE, self.memory.id(name))

    def identity(self, name: str = "engine") -> EngineIdentity:
        """How an engine's entries name it."""
        return EngineIdentity(self.memory.id(name), "opendp", opendp.version())

    @cached_property
    def domains(self) -> Domains:
        """What the devices sign for."""
        return domains_of(self.auditor.get("/v1/domain"))

    def of_site(self, site: int) -> list[int]:
        """The places of a site's patients."""
        return [place for place, where in enumerate(self.patients.frame["site"]) if where == site]

    def ensure(self, there: Callable[[], bool], send: Callable[[], Any]) -> None:
        """Send an act unless its effect is there already, and wait until it is.

        Raises:
            WrongState: The chain refused it.
            NotReady: It is not sealed in time.
        """
        if there():
            return
        try:
            refuse_refused(send())
        except Conflict as twice:  # it was accepted at an earlier start and waits: then its effect comes
            self.until(there, str(twice))
            return
        self.until(there, "an accepted act is not sealed")

    @staticmethod
    def until(there: Callable[[], bool], words: str) -> None:
        """Wait until something is so."""
        end = time.monotonic() + SEALING_SECONDS
        while not there():
            if time.monotonic() > end:
                raise NotReady(f"{words} within {SEALING_SECONDS} s; see the service's log")
            time.sleep(0.05)

    @staticmethod
    def send_missing(
        client: LedgerClient,
        path: str,
        field: str,
        parts: list[dict[str, Any]],
        absent: Callable[[dict[str, Any]], bool],
    ) -> list[dict[str, Any]]:
        """Send all parts in one request; when some are there from an earlier start, those that are absent.

        Returns:
            The items of what was sent, not yet sealed.
        """
        missing = parts
        end = time.monotonic() + SEALING_SECONDS
        while missing:
            try:
                return list(client.post(path, {field: missing})["items"])
            except Conflict:
                if time.monotonic() > end:
                    raise
                time.sleep(PAUSE_SECONDS)  # one that was accepted at an earlier start may not be sealed yet
                missing = [part for part in parts if absent(part)]
        return []

    def sealed(self, client: LedgerClient, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The items once all of them are sealed."""
        final: list[dict[str, Any]] = []
        for item in items:
            end = time.monotonic() + SEALING_SECONDS
            newest = item
            while newest["state"] not in {"sealed", "refused"}:
                if time.monotonic() > end:
                    raise NotReady(f"act {item['digest']} is not sealed within {SEALING_SECONDS} s")
                time.sleep(0.02)
                newest = client.get(f"/v1/acts/{item['digest']}")
            final.append(newest)
        refuse_refused({"items": final})
        return final

    def known(self, client: LedgerClient, path: str) -> dict[str, Any] | None:
        """A thing of the API; None when it is not there."""
        try:
            document: dict[str, Any] = client.get(path)
        except NotFound:
            return None
        return document


def refuse_refused(answer: dict[str, Any]) -> None:
    """Stop at a refused act.

    Raises:
        WrongState: One is refused.
    """
    for item in answer["items"]:
        if item["state"] == "refused":
            raise WrongState(f"the chain refused {item['act']}: {item['reason']}")


class WrongFigureError(ConsentryError):
    """A figure is not what was signed: the vertical does not hold."""


def expect(holds: bool, words: str) -> None:
    """Stop the job unless something holds.

    Raises:
        WrongFigureError: It does not.
    """
    if not holds:
        raise WrongFigureError(words)
