"""The checker page in a real browser, from the disk and from the service: it says what the command says."""

import io
import json
from pathlib import Path

import pytest

from ledger.export.archive import ArchiveWriter
from ledger.transparency import canonical
from ledger.verify import claims
from ledger.verify.archive import Archive
from tests.support.browser import chromium
from tests.support.exhibit import exhibit
from tests.support.service import Service

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "frontend" / "dist" / "checker.html"
UNTRUSTED = {"archive", "manifest", "signature", "checkpoints", "cohorts"}
"""The claims that hold without a block that is trusted."""


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with exhibit(tmp_path_factory.mktemp("exhibit") / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def bundle(exported):
    return exported[0]


@pytest.fixture(scope="module")
def exported(shown):
    data, manifest = shown.export()
    return data, bytes.fromhex(manifest.trusted.hash[2:])


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


def check(page, files, keys=(), needed="", block=b"", contracts=()):
    page.get_by_label("A bundle; or a proof file").set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files.items()]
    )
    page.get_by_label("Keys that you trust").fill("\n".join(map(str, keys)))
    page.get_by_label("How many of the witnesses").fill(needed)
    page.get_by_label("the hash of its last block").fill("0x" + block.hex() if block else "")
    page.get_by_label("the contracts as the consortium").fill("\n".join(contracts))
    page.get_by_role("button", name="Check").click()
    page.locator("#status[data-verdict]").wait_for(timeout=60_000)
    lines = page.locator("#results h3").all_inner_texts()
    return page.locator("#status").get_attribute("data-verdict"), dict(line.split(": ") for line in lines)


def test_a_bundle_holds_against_the_trusted_block(page, exported, shown):
    data, block = exported
    key = shown.ledger.context.log_keys.note_signer(shown.log).verifier
    addresses = [f"{name}=0x{at.hex()}" for name, at in shown.ledger.context.reader.contracts.items()]
    for keys, contracts in (((), ()), ((key,), addresses)):
        verdict, lines = check(page, {"bundle.zip": data}, keys, block=block, contracts=contracts)
        assert (verdict, set(lines.values())) == ("pass", {"pass"}), lines
        assert list(lines) == [claim.name for claim in claims.ALL]
    words = page.locator("#results").inner_text()
    assert all(claim.proves in words and claim.does_not_prove in words for claim in claims.ALL)


def test_without_a_block_nothing_that_rests_on_the_chain_passes(page, bundle):
    verdict, lines = check(page, {"bundle.zip": bundle})
    assert verdict == "could not check"
    assert {name for name, status in lines.items() if status == "pass"} == UNTRUSTED
    assert "you gave no block hash" in page.locator("#results").inner_text()


def test_another_block_or_another_contract_fails(page, exported):
    data, block = exported
    assert check(page, {"bundle.zip": data}, block=block[::-1])[1]["headers"] == "fail"
    elsewhere = ["AuditAnchor=0x" + "01" * 20]
    assert check(page, {"bundle.zip": data}, block=block, contracts=elsewhere)[1]["receipts"] == "fail"


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
        "tree",
    ),
    "a missing entry": ("entries.ndjson", without_line(1), "tree"),
    "a cut tail": ("entries.ndjson", lambda text: b"".join(text.splitlines(True)[:-1]), "tree"),
    "another order": ("entries.ndjson", lambda text: b"".join(reversed(text.splitlines(True))), "tree"),
    "a missing proof": ("consistency.ndjson", lambda _: b"", "consistency"),
    "another root": ("anchors.ndjson", other_root, "anchors"),
    "no head": ("checkpoints.ndjson", lambda _: b"", "checkpoints"),
    "a missing consent": ("consents.ndjson", without_line(3), "history"),
    "a missing header": ("headers.ndjson", without_line(2), "headers"),
    "a missing decision": ("decisions.ndjson", without_line(0), "decisions"),
    "a missing row": ("members.ndjson", without_line(0), "cohorts"),
    "a missing receipt": ("receipts.ndjson", without_line(1), "history"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_was_changed_is_found(page, exported, case):
    data, block = exported
    name, change, claim = TAMPERED[case]
    verdict, lines = check(page, {"bundle.zip": changed(data, name, change)}, block=block)
    assert verdict == "fail"
    assert lines["manifest"] == "fail"
    assert lines[claim] == "fail", lines


def test_bytes_before_or_behind_are_found(page, bundle):
    for data in (b"PK" + bundle, bundle + b"\0", bundle[:-1]):
        lines = check(page, {"bundle.zip": data})[1]
        assert lines.pop("archive") == "fail"
        assert set(lines.values()) == {"could not check"}


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
