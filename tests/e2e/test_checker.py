"""The checker page in a real browser, from the disk and from the service: it says what the command says."""

import io
import json
from pathlib import Path

import pytest

from ledger.export.archive import ArchiveWriter
from ledger.transparency import canonical
from ledger.verify.archive import Archive
from tests.support.browser import chromium
from tests.support.exhibit import exhibit
from tests.support.service import Service

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "frontend" / "dist" / "checker.html"
OWN = {"archive", "manifest", "entries", "checkpoints", "consistency"}


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with exhibit(tmp_path_factory.mktemp("exhibit") / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def bundle(shown):
    return shown.export()[0]


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(PAGE.as_uri())
    yield page
    assert page.asked == [PAGE.as_uri()]  # nothing was fetched, and nothing was sent
    context.close()


def check(page, files, keys=(), needed=""):
    page.get_by_label("A bundle; or a proof file").set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files.items()]
    )
    page.get_by_label("Keys that you trust").fill("\n".join(map(str, keys)))
    page.get_by_label("How many of the witnesses").fill(needed)
    page.get_by_role("button", name="Check").click()
    page.locator("#status[data-verdict]").wait_for(timeout=60_000)
    lines = page.locator("#results h3").all_inner_texts()
    return page.locator("#status").get_attribute("data-verdict"), dict(line.split(": ") for line in lines)


def test_a_bundle_holds_as_far_as_a_page_can_see(page, bundle, shown):
    key = shown.ledger.context.log_keys.note_signer(shown.log).verifier
    for keys in ((), (key,)):
        verdict, lines = check(page, {"bundle.zip": bundle}, keys)
        assert verdict == "could not check"
        assert lines == dict.fromkeys(OWN, "pass") | {"chain": "could not check"}
    assert "consentry verify" in page.locator("#results").inner_text()


def changed(bundle, name, change):
    archive = Archive(io.BytesIO(bundle))
    out = io.BytesIO()
    writer = ArchiveWriter(out)
    for member in archive.members:
        content = archive.content(member)
        writer.add(member, [change(content) if member == name else content])
    writer.finish()
    return out.getvalue()


def without_line(number):
    return lambda content: b"".join(line for at, line in enumerate(content.splitlines(True)) if at != number)


def other_root(text):
    start = text.index(b'"root":"0x') + len(b'"root":"0x')
    return text[:start] + text[start : start + 64][::-1] + text[start + 64 :]


TAMPERED = {
    "a changed entry": (
        "entries.ndjson",
        lambda text: text.replace(b'"kind":"decision"', b'"kind":"decisive"', 1),
        "entries",
    ),
    "a missing entry": ("entries.ndjson", without_line(1), "entries"),
    "a cut tail": ("entries.ndjson", lambda text: b"".join(text.splitlines(True)[:-1]), "entries"),
    "another order": ("entries.ndjson", lambda text: b"".join(reversed(text.splitlines(True))), "entries"),
    "a missing proof": ("consistency.ndjson", lambda _: b"", "consistency"),
    "another root": ("anchors.ndjson", other_root, "consistency"),
    "no head": ("checkpoints.ndjson", lambda _: b"", "checkpoints"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_was_changed_is_found(page, bundle, case):
    name, change, claim = TAMPERED[case]
    verdict, lines = check(page, {"bundle.zip": changed(bundle, name, change)})
    assert verdict == "fail"
    assert lines["manifest"] == "fail"
    assert lines[claim] == "fail", lines


def test_bytes_before_or_behind_are_found(page, bundle):
    for data in (b"PK" + bundle, bundle + b"\0", bundle[:-1]):
        assert check(page, {"bundle.zip": data})[1] == {"archive": "fail"}


def test_a_proof_file_holds_with_its_entry_alone(page, shown):
    ports = shown.ledger.context
    key = ports.log_keys.note_signer(shown.log).verifier
    proof = str(ports.witnesses.proof(shown.log, 2)).encode()
    entry, other = (ports.audit.entry(shown.log, index).canonical for index in (2, 3))
    answer = json.dumps({"index": 2, "document": canonical.decode_object(entry)}).encode()
    assert check(page, {"e.tlog-proof": proof, "e.json": answer}, [key]) == (
        "pass",
        {"inclusion": "pass", "place": "pass"},
    )
    assert check(page, {"e.tlog-proof": proof, "e.json": other}, [key]) == (
        "fail",
        {"inclusion": "fail", "place": "fail"},
    )
    assert check(page, {"e.tlog-proof": proof, "e.json": entry}) == (
        "could not check",
        {"inclusion": "could not check", "place": "pass"},
    )


def test_what_is_no_proof_is_said_to_be_none(page):
    assert check(page, {"note.txt": b"hello"})[0] == "refused"
    assert "neither" in page.locator("#status").inner_text()


def test_the_service_sends_the_same_page_under_its_policy(browser, bundle, tmp_path):
    service = Service(tmp_path / "home")
    try:
        answer = service.http.get("/verify")
        assert answer.text == PAGE.read_text(encoding="utf-8")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://localhost:{service.settings.port}/verify")
        assert check(page, {"bundle.zip": bundle})[0] == "could not check"
        page.screenshot(path=str(tmp_path / "checker.png"), full_page=True)
        context.close()
    finally:
        service.close()
