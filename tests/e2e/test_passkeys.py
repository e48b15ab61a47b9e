"""Patients with a browser's own passkeys: set up, yes, stop; and each way in which it can go wrong.

The authenticator data are Chromium's. On the embedded chain the contract checks them in Solidity, on anvil by the
precompile of Osaka.
"""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from ledger.bootstrap import SystemClock
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from tests.support.anvil import MISSING as NO_ANVIL
from tests.support.anvil import Anvil, find_anvil
from tests.support.browser import chromium, device
from tests.support.service import Service, build_world

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def embedded(browser, tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("embedded"))
    yield build_world(service)
    service.close()


@pytest.fixture(scope="module")
def anvil(browser, tmp_path_factory):
    if find_anvil() is None:
        pytest.skip(NO_ANVIL)
    home = tmp_path_factory.mktemp("anvil")
    node = Anvil(home / "node", "--hardfork", "osaka")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        node.fund(address_of(ring.named(role)))
    deploy_rpc(node.url, home, SystemClock()).close()
    service = Service(home, rpc_url=node.url)
    yield build_world(service)
    service.close()
    node.stop()


def site(world):
    return f"http://localhost:{world.service.settings.port}"


def invited(world):
    return world.service.post("/v1/invitations", {}, "institution", world.institution, 201).json()["subject"]


def sign_in(world, page, subject):
    page.goto(f"/signin?token={world.service.token('subject', subject)}")
    page.wait_for_url(re.compile("/me"))


def set_up(world, held):
    """Enrol a new patient by the passkey of a device; gives the subject."""
    subject = invited(world)
    sign_in(world, held.page, subject)
    assert held.page.url.endswith("/me/passkeys")
    held.page.get_by_role("button", name="Set up a passkey").click()
    held.page.get_by_text("Your passkey is ready.").wait_for()
    return subject


def open_study(held, *, data=("age, sex and other basic facts", "how things turned out")):
    held.page.goto("/me")
    held.page.get_by_role("link", name="Survival in lung cancer").click()
    for words in data:
        held.page.get_by_label(words).check()


def say_yes(held):
    held.page.get_by_role("button", name=re.compile("^Yes|^Send it again")).click()


def decision(world, subject):
    question = world.question(subjects=[subject])
    return world.service.post("/v1/decisions", question, "engine", world.engine, 200).json()["decisions"][0]["outcome"]


@pytest.mark.parametrize("chain", ["embedded", "anvil"])
def test_a_passkey_enrols_says_yes_and_stops(request, browser, chain):
    world = request.getfixturevalue(chain)
    with device(browser, site(world)) as held:
        subject = set_up(world, held)
        held.page.get_by_role("link", name="Go to your page").click()
        assert decision(world, subject) == "deny"
        open_study(held)
        say_yes(held)
        held.page.get_by_text("Sealed. Your yes counts now.").wait_for()
        assert held.page.locator(".steps .reached span").all_inner_texts() == [
            "Signed on your device",
            "Sent",
            "Being sealed",
            "Sealed",
        ]
        assert decision(world, subject) == "permit"
        held.page.get_by_role("link", name="Go to your page").click()
        held.page.get_by_role("link", name="Stop this use").click()
        held.page.get_by_role("button", name="Stop it with my passkey").click()
        held.page.get_by_text("Sealed. It is stopped for good.").wait_for()
        assert decision(world, subject) == "deny"
        held.page.goto("/me")
        held.page.get_by_text("You stopped this.").wait_for()
        assert all(url.startswith(site(world)) for _, url in held.asked)
        assert held.complaints == []


def test_all_sharing_is_stopped_in_two_clicks_from_home(browser, embedded):
    with device(browser, site(embedded)) as held:
        subject = set_up(embedded, held)
        open_study(held)
        say_yes(held)
        held.page.get_by_text("Sealed. Your yes counts now.").wait_for()
        held.page.goto("/me")
        held.page.get_by_role("link", name="Stop all sharing").click()
        held.page.get_by_role("button", name="Stop everything with my passkey").click()
        held.page.get_by_text("Sealed. All sharing is stopped.").wait_for()
        assert decision(embedded, subject) == "deny"


def test_a_cancelled_ceremony_leaves_the_answers_and_can_begin_again(browser, embedded):
    with device(browser, site(embedded)) as held:
        subject = set_up(embedded, held)
        open_study(held)
        held.touch("")
        say_yes(held)
        held.page.get_by_role("button", name="Stop waiting").click()
        held.page.get_by_text("Nothing was sent, and your answers are still here.").wait_for()
        assert held.page.locator("input:checked").count() == 2
        assert decision(embedded, subject) == "deny"
        held.touch(held.authenticators[0])
        say_yes(held)
        held.page.get_by_text("Sealed. Your yes counts now.").wait_for()
        assert decision(embedded, subject) == "permit"


def test_a_lost_line_is_said_and_the_same_signature_is_sent_again(browser, embedded):
    with device(browser, site(embedded)) as held:
        subject = set_up(embedded, held)
        open_study(held)
        held.page.context.set_offline(True)
        say_yes(held)
        held.page.get_by_text("You're offline. Nothing has been sent.").wait_for()
        held.page.context.set_offline(False)
        held.page.route("**/me/acts", lambda route: route.abort(), times=1)
        say_yes(held)
        held.page.get_by_text("We could not reach the service.").wait_for()
        before = held.counters()
        say_yes(held)
        held.page.get_by_text("Sealed. Your yes counts now.").wait_for()
        assert held.counters() == before
        assert decision(embedded, subject) == "permit"


def test_nothing_picked_is_no_yes(browser, embedded):
    with device(browser, site(embedded)) as held:
        set_up(embedded, held)
        open_study(held, data=())
        say_yes(held)
        held.page.get_by_text("Pick at least one kind of data").wait_for()
        assert not [url for method, url in held.asked if method == "POST" and "/me/give" in url]


def test_a_device_that_checks_nobody_is_refused(browser, embedded):
    with device(browser, site(embedded), hasUserVerification=False, isUserVerified=False) as held:
        sign_in(embedded, held.page, invited(embedded))
        held.page.get_by_role("button", name="Set up a passkey").click()
        held.page.locator(".trouble").get_by_text("Nothing was sent").wait_for()
        assert not [url for method, url in held.asked if method == "POST" and url.endswith("/me/passkeys")]


def test_a_second_device_is_added_by_the_first_and_both_sign(browser, embedded):
    with device(browser, site(embedded)) as held:
        subject = set_up(embedded, held)
        own, key = held.authenticators[0], held.add_authenticator(transport="usb")
        held.page.goto("/me/passkeys")
        held.touch(key)
        held.page.get_by_role("button", name="Add a passkey").click()
        held.page.get_by_text("Your new passkey is made.").wait_for()
        held.touch(own)
        held.page.get_by_role("button", name="Say yes to the new passkey").click()
        held.page.get_by_text("Your passkey is ready.").wait_for()
        signers = embedded.service.get(f"/v1/subjects/{subject}", "subject", subject)["signers"]
        assert [one["active"] for one in signers] == [True, True]
        for place, used in ((1, key), (0, own)):
            held.touch(used)
            open_study(held)
            held.page.get_by_label("Which passkey is on this device?").select_option(index=place)
            say_yes(held)
            held.page.get_by_text("Sealed. Your yes counts now.").wait_for()
            held.page.goto("/me")
            held.page.get_by_role("link", name="Stop this use").click()
            held.page.get_by_label("Which passkey is on this device?").select_option(index=place)
            held.page.get_by_role("button", name="Stop it with my passkey").click()
            held.page.get_by_text("It is stopped for good.").wait_for()


def sent_again(world, held, path, body, origin=None):
    """A request with the page's own cookie, from outside of the page."""
    cookies = {one["name"]: one["value"] for one in held.page.context.cookies()}
    headers = {"Origin": origin or site(world)}
    return httpx.post(f"{site(world)}{path}", json=body, headers=headers, cookies=cookies, timeout=60)


def test_a_signature_counts_for_its_act_alone_and_only_from_our_pages(browser, embedded):
    with device(browser, site(embedded)) as held:
        subject = set_up(embedded, held)
        open_study(held)
        with held.page.expect_request("**/me/acts") as sent:
            say_yes(held)
        held.page.get_by_text("Sealed. Your yes counts now.").wait_for()
        first = json.loads(sent.value.post_data)
        study = sent_again(embedded, held, f"/me/give/{embedded.study}", {"categories": ["genomics"]}).json()
        replayed = sent_again(embedded, held, "/me/acts", {"act": study["act"], "signature": first["signature"]})
        assert replayed.status_code == 400
        assert replayed.json()["type"] == "/problems/bad-signature"
        assert "Nothing was sent" in replayed.json()["detail"]
        assert sent_again(embedded, held, "/me/acts", first).status_code == 202  # the same act again: the same item
        assert sent_again(embedded, held, "/me/acts", first, origin="https://evil.example").status_code == 403
        consents = embedded.service.get(f"/v1/subjects/{subject}", "subject", subject)["consents"]
        assert len(consents) == 1


@contextmanager
def other_page():
    """A page of another origin on the same host: browsers give it passkeys of ``localhost`` all the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


FISHING = """
async (asked) => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const { response } = await navigator.credentials.get({ publicKey: {
    challenge: bytes(asked.challenge), rpId: asked.rpId, userVerification: "required",
    allowCredentials: asked.allowCredentials.map((one) => ({ ...one, id: bytes(one.id) })) } });
  return { authenticatorData: text(response.authenticatorData), clientDataJSON: text(response.clientDataJSON),
    signature: text(response.signature) };
}
"""


def test_what_another_page_had_signed_is_refused(browser, embedded):
    with device(browser, site(embedded)) as held, other_page() as elsewhere:
        subject = set_up(embedded, held)
        picked = {"categories": ["genomics"]}
        asked = sent_again(embedded, held, f"/me/give/{embedded.study}", picked).json()
        held.page.goto(elsewhere)
        fished = held.page.evaluate(FISHING, asked["options"])
        refused = sent_again(embedded, held, "/me/acts", {"act": asked["act"], "signature": {"webauthn": fished}})
        assert refused.status_code == 400
        assert refused.json()["type"] == "/problems/bad-signature"
        assert decision(embedded, subject) == "deny"
