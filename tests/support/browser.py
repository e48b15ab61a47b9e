"""A real browser with a virtual authenticator (CDP), for the pages' ceremonies."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "no Chromium is on PATH: on Debian, apt-get install chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PLATFORM = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@contextmanager
def chromium() -> Iterator[Any]:
    """A running headless Chromium; each context in it has a profile of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (extra: dev)")
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        with suppress(Exception):
            browser.close()


@dataclass
class Device:
    """A patient's device: one page with one authenticator, and what went over the line.

    Attributes:
        page: Playwright's page.
        devtools: Its CDP session.
        authenticators: The virtual authenticators' ids; the first one lies in the device.
        asked: Method and address of every request.
        complaints: What the browser wrote to the console as an error.
    """

    page: Any
    devtools: Any
    authenticators: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def add_authenticator(self, **changes: object) -> str:
        """One more authenticator; gives its id."""
        options = {"options": PLATFORM | changes}
        made: str = self.devtools.send("WebAuthn.addVirtualAuthenticator", options)["authenticatorId"]
        self.authenticators.append(made)
        return made

    def counters(self) -> list[int]:
        """The signature counter of each credential on the first authenticator."""
        first = {"authenticatorId": self.authenticators[0]}
        held = self.devtools.send("WebAuthn.getCredentials", first)["credentials"]
        return [one["signCount"] for one in held]

    def touch(self, authenticator: str) -> None:
        """The person touches this authenticator when it asks, and no other; "": none."""
        for one in self.authenticators:
            self.devtools.send(
                "WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": one, "enabled": one == authenticator}
            )


@contextmanager
def device(browser: Any, base: str, **authenticator: object) -> Iterator[Device]:
    """A device with an authenticator, on the site at ``base``."""
    context = browser.new_context(base_url=base, viewport={"width": 1000, "height": 1400})
    context.set_default_timeout(60_000)
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    made = Device(page, devtools)
    made.add_authenticator(**authenticator)
    page.on("request", lambda request: made.asked.append((request.method, request.url)))
    page.on("console", lambda message: made.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: made.complaints.append(str(problem)))
    yield made
    context.close()
