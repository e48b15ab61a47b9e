"""The pages of choices and what their script asks, without a browser: who may, from where, and in which words."""

import httpx
import pytest

from ledger.domain.acts import InstitutionAdmission, dump, load
from ledger.identity.site import relying_party
from ledger.transparency.encoding import from_base64url
from tests.integration.api.test_passkeys import PasskeyWallet, invited
from tests.support.service import HOUR, TERMS_TEXT, Service, build_world, fresh_id

PAGES = ("/me/passkeys", "/me/give/{study}", "/me/stop/{consent}", "/me/stop-all")


class Browser(httpx.Client):
    """A signed-in browser on our pages; the passkey in it is software."""

    def __init__(self, world, subject, **changes):
        site = f"http://localhost:{world.service.settings.port}"
        super().__init__(base_url=site.replace("localhost", "127.0.0.1"), headers={"Origin": site}, timeout=60)
        self.passkey = PasskeyWallet(relying_party(world.service.settings))
        self._token = world.service.token("subject", subject, **changes)

    def __enter__(self):
        super().__enter__()
        self.get("/signin", params={"token": self._token})
        return self

    def signed(self, asked, **changes):
        digest = "0x" + from_base64url(asked["options"]["challenge"]).hex()
        return {"act": asked["act"], "signature": self.passkey.sign(digest, **changes)}

    def until(self, digest, *states):
        for _ in range(1_200):
            state = self.get(f"/me/acts/{digest}").json()["state"]
            if state in states:
                return state
        raise AssertionError(state)

    def set_up(self):
        options = self.post("/me/passkeys/options", json={}).json()
        made = self.passkey.made(from_base64url(options["challenge"]))
        return self.until(self.post("/me/passkeys", json=made).json()["digest"], "sealed")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world of its own: these pages show the newest text, and other tests publish some."""
    running = Service(tmp_path_factory.mktemp("choices"))
    yield build_world(running)
    running.close()


@pytest.fixture(scope="module")
def ann(world):
    with Browser(world, invited(world)) as browser:
        assert browser.get("/me").headers["Location"] == "/me/passkeys"
        assert browser.set_up() == "sealed"
        yield browser


@pytest.fixture(scope="module")
def given(world, ann):
    """A yes of Ann's to the study: the answer to her request."""
    asked = ann.post(f"/me/give/{world.study}", json={"categories": ["demographics"]}).json()
    sent = ann.post("/me/acts", json=ann.signed(asked))
    assert sent.status_code == 202, sent.text
    assert ann.until(sent.json()["digest"], "sealed") == "sealed"
    return load(asked["act"].encode())


def paths(world, given):
    return [path.format(study=world.study, consent="0x" + given.id.hex()) for path in PAGES]


def test_what_is_signed_is_what_the_page_shows(world, ann, given):
    text = ann.get(f"/me/give/{world.study}").text
    for words in (TERMS_TEXT, "Survival in lung cancer", "Sundown Hospital", "health and medical research"):
        assert words in text
    assert "statistics with protecting noise" in text
    assert "checked" not in text
    scope = given.scope
    assert "0x" + scope.recipient.hex() == world.study
    assert "0x" + scope.terms.hex() == world.terms
    assert scope.categories == 1


def test_only_the_pages_with_a_script_may_run_ours(world, ann, given):
    for path in paths(world, given):
        policy = ann.get(path).headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "default-src 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
    assert "script-src" not in ann.get("/me").headers["Content-Security-Policy"]


def test_the_words_are_plain(world, ann, given):
    for path in ["/me", *paths(world, given), "/static/passkeys.js"]:
        text = ann.get(path).text.lower()
        if path.endswith(".js"):
            text = " ".join(part for part in text.split('"')[1::2] if " " in part)
        else:
            text = text.partition("<main")[2]
            text = " ".join(part.partition(">")[2] for part in text.split("<"))
        for word in ("hash", "wallet", "block ", "gas ", "chain", "digest", "0x"):
            assert word not in text, (path, word)


def test_nothing_is_done_for_other_sites_or_without_a_sign_in(world, ann, given):
    posts = [f"/me/give/{world.study}", "/me/passkeys/options", "/me/passkeys", "/me/acts"]
    for path in posts:
        for origin in ("https://evil.example", "null", ""):
            refused = ann.post(path, json={}, headers={"Origin": origin})
            assert refused.status_code == 403, path
            assert "Nothing was sent" in refused.json()["detail"]
    with Browser(world, fresh_id()) as nobody:
        nobody.cookies.clear()
        for path in posts:
            refused = nobody.post(path, json={"act": "", "signature": "0x00"})
            assert refused.status_code in (400, 401)
        for path in paths(world, given):
            assert nobody.get(path).status_code == 401


def test_one_patient_cannot_do_or_see_what_is_anothers(world, ann, given):
    with Browser(world, invited(world)) as bob:
        bob.set_up()
        consent = "0x" + given.id.hex()
        assert bob.get(f"/me/stop/{consent}").status_code == 404
        assert bob.post(f"/me/stop/{consent}", json={}).status_code == 404
        asked = ann.post(f"/me/stop/{consent}", json={}).json()
        assert bob.post("/me/acts", json=ann.signed(asked)).status_code == 403
        digest = "0x" + from_base64url(asked["options"]["challenge"]).hex()
        assert bob.get(f"/me/acts/{digest}").status_code == 404
    with Browser(world, fresh_id()) as stranger:
        assert stranger.get("/me/passkeys").status_code == 404
        options = stranger.post("/me/passkeys/options", json={}).json()
        made = stranger.passkey.made(from_base64url(options["challenge"]))
        assert stranger.post("/me/passkeys", json=made).status_code == 404


def test_what_the_pages_do_not_make_they_do_not_take(world, ann):
    act = dump(InstitutionAdmission(id=bytes(32), name="Mine", signer=b"\x01" * 20)).decode()
    refused = ann.post("/me/acts", json={"act": act, "signature": "0x" + "00" * 65})
    assert refused.status_code == 403
    assert ann.post("/me/acts", json={"act": "{}", "signature": "0x00"}).status_code == 400
    assert ann.post(f"/me/give/{world.study}", json={"categories": ["everything"]}).status_code == 400
    assert ann.post(f"/me/give/{world.study}", json={"categories": []}).status_code == 400
    assert ann.post(f"/me/give/{fresh_id()}", json={"categories": ["demographics"]}).status_code == 404


def test_a_reading_sign_in_reads_alone(world, ann):
    from ledger.identity.principal import Scope

    subject = "0x" + load(_asked(world, ann)["act"].encode()).subject.hex()
    with Browser(world, subject, scopes=[Scope.SUBJECT_READ]) as reader:
        assert reader.get("/me/passkeys").status_code == 200
        assert reader.post("/me/passkeys/options", json={}).status_code == 403
        assert reader.post(f"/me/give/{world.study}", json={"categories": ["demographics"]}).status_code == 403


def _asked(world, browser):
    return browser.post(f"/me/give/{world.study}", json={"categories": ["demographics"]}).json()


def test_a_sign_in_that_ended_says_so_and_that_nothing_was_sent(world, ann):
    import time

    asked = _asked(world, ann)
    body = ann.signed(asked)
    with Browser(world, fresh_id(), now=int(time.time()) - 2 * HOUR) as late:
        late.cookies.set("consentry", world.service.token("subject", fresh_id(), now=int(time.time()) - 2 * HOUR))
        refused = late.post("/me/acts", json=body)
    assert refused.status_code == 401
    assert "nothing was sent" in refused.json()["detail"]
