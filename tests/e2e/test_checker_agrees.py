"""The checker page and ``consentry verify`` say the same of the same bundles, good and forged, claim by claim.

The browser itself is ``test_checker``.
"""

import io
import json
import random
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain import audit
from ledger.domain.identifiers import to_hex
from ledger.errors import ProofInvalid
from ledger.provenance import bundle as form
from ledger.services.directory import admit_institution
from ledger.services.submit import submit
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, origin_of, write_checkpoint
from ledger.transparency.cohort import Cohort
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.note import NoteSigner, sign_note
from ledger.transparency.register import PagedCohort, Register
from ledger.transparency.tree import Tree
from ledger.verify.archive import Archive
from ledger.verify.participation import verify_participation
from ledger.verify.report import Status
from tests.support.exhibit import exhibit
from tests.support.forging import FORGERIES, forge, pack, rewritten, unpack
from tests.support.schemas import written_as

ELSEWHERE = b"\x01" * 32


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with exhibit(tmp_path_factory.mktemp("exhibit") / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def exported(shown):
    data, manifest = shown.export()
    return data, bytes.fromhex(manifest.trusted.hash[2:])


def test_of_a_good_bundle_they_say_the_same_word_for_word(page, shown, exported):
    data, block = exported
    lean, manifest = shown.export(with_members=False)
    contracts = shown.ledger.context.reader.contracts
    jobs = [
        (data, block, None),
        (data, block, contracts),
        (data, block, {**contracts, "AuditAnchor": b"\x01" * 20}),
        (data, None, None),
        (data, ELSEWHERE, None),
        (lean, bytes.fromhex(manifest.trusted.hash[2:]), None),
    ]
    assert [report.exit_code for report in page.agree(jobs)] == [0, 0, 1, 3, 1, 3]


def test_of_every_forgery_they_say_the_same(page, exported):
    data, block = exported
    jobs = [(forge(data, **changes), block, None) for changes, _, _ in FORGERIES.values()]
    for report, (_, claim, _) in zip(page.agree(jobs), FORGERIES.values(), strict=True):
        assert report.check(claim).status is Status.FAIL


def test_of_changed_bytes_they_say_the_same(page, exported):
    data, block = exported
    chance = random.Random(2)
    jobs = []
    for member in Archive(io.BytesIO(data)).members.values():
        bad = bytearray(data)
        bad[member.offset + chance.randrange(member.size)] ^= 1 << chance.randrange(8)
        jobs.append((bytes(bad), block, None))
    for name, content in unpack(data).items():
        for _ in range(3):
            bad = bytearray(content)
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            jobs.append((pack({**unpack(data), name: bytes(bad)}), block, None))
        jobs.append((pack({key: value for key, value in unpack(data).items() if key != name}), block, None))
    jobs += [(data[: chance.randrange(len(data))], block, None) for _ in range(8)]
    jobs += [(data + b"\0", block, None), (b"", block, None), (pack({**unpack(data), "more.txt": b"x\n"}), block, None)]
    assert {report.exit_code for report in page.agree(jobs)} == {1}


def test_of_a_log_with_a_tail_and_an_act_on_its_way_they_say_the_same(page, tmp_path):
    with exhibit(tmp_path / "home") as shown:
        shown.decide(shown.patients[:2])
        tail, manifest = shown.export()
        jobs = [(tail, bytes.fromhex(manifest.trusted.hash[2:]), None)]
        submit(shown.ledger.context, [shown.scene.withdrawal(shown.patients[1], shown.consents[1])])
        shown.decide([shown.patients[1]])
        shown.anchor()
        pending, manifest = shown.export()
        jobs.append((pending, bytes.fromhex(manifest.trusted.hash[2:]), None))
        _, identity, _ = admit_institution(shown.ledger.context, "An empty hospital \u00e9\U0001f3e5")
        shown.ledger.relayer.run_once()
        shown.ledger.catch_up()
        empty, manifest = replace(shown, scene=type("Elsewhere", (), {"institution": identity})()).export()
        jobs.append((empty, bytes.fromhex(manifest.trusted.hash[2:]), None))
    assert [report.exit_code for report in page.agree(jobs)] == [3, 0, 3]


def test_of_an_early_computation_and_of_a_later_schema_they_say_the_same(page, tmp_path):
    jobs = []
    with exhibit(tmp_path / "home") as shown:
        for number, (schema, decision) in enumerate([("consentry.entry/2", ""), (audit.SCHEMA, "0x" + "77" * 32)]):
            entry = audit.NewEntry(audit.Kind.STARTED, "engine", decision=decision)
            with written_as(schema):
                shown.ledger.appender.append(shown.log, f"odd-{number}", [entry])
            shown.anchor()
            data, manifest = shown.export()
            jobs.append((data, bytes.fromhex(manifest.trusted.hash[2:]), None))
    later, early = page.agree(jobs)
    assert (later.exit_code, later.check("decisions").status) == (3, Status.UNCHECKED)
    assert early.check("tree").status is Status.PASS


def test_of_values_that_pass_for_others_in_one_language_they_say_the_same(page, exported):
    """Python takes true for 1, JavaScript a text for its number, and null for what is missing."""
    data, block = exported

    def without_id(files):
        keys = canonical.decode_object(files[form.KEYS][:-1])
        keys["jwks"]["keys"][0]["kid"] = None
        return pack({**files, form.KEYS: canonical.encode(keys) + b"\n"})

    def counted(line):
        facts = line["document"]["facts"]
        facts["permitted"] = str(facts["permitted"])

    forgeries = [
        (forge(data, entries=rewritten(0, lambda line: line["document"].update(index=False))), "tree"),
        (forge(data, entries=rewritten(0, counted)), "cohorts"),
        (forge(data, consents=rewritten(0, lambda line: line["fields"].update(number=True))), "history"),
        (without_id(unpack(data)), "signature"),
    ]
    for report, (_, claim) in zip(page.agree([(one, block, None) for one, _ in forgeries]), forgeries, strict=True):
        assert report.check(claim).status is Status.FAIL


def test_of_an_entry_nested_as_deep_as_may_be_they_say_the_same(page, tmp_path):
    facts = {}
    for _ in range(canonical.MAX_DEPTH - 2):
        facts = {"a": facts}
    with exhibit(tmp_path / "home") as shown:
        entry = audit.NewEntry(audit.Kind.STARTED, "engine", facts=facts)
        shown.ledger.appender.append(shown.log, "deep", [entry])
        shown.anchor()
        data, manifest = shown.export()
        (report,) = page.agree([(data, bytes.fromhex(manifest.trusted.hash[2:]), None)])
    assert report.verdict is Status.PASS


# --- a patient's proof ------------------------------------------------------------------------------------------------

LOG = bytes(range(32))
ASKED, REFUSED, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
SIGNER = NoteSigner(origin_of(LOG), Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


def hexes(nodes):
    return [to_hex(node) for node in nodes]


def participation(subject, *, paged, counted=True, operation=""):
    """The file on one of three patients, two of whom were considered and one permitted."""
    rows = {ASKED: True, REFUSED: False}
    cohort = Cohort(list(rows), list(rows.values()), bytes(range(32)))
    order = [OTHER, ASKED, REFUSED]
    over = PagedCohort(Register(b"k" * 32, b"".join(order)), b"s" * 32, b"\x60", b"\x40")
    facts = {"cohort": {"root": to_hex(cohort.commitment.root), "size": 2}}
    if paged:
        root = to_hex(over.commitment.root)
        facts["register"] = {"considered": 2, "leaves": over.commitment.leaves, "root": root}
    if not counted:
        del facts["cohort"]["size"], facts["register"]["considered"]
    entries = [
        {"index": 0, "log": to_hex(LOG), "kind": "decision", "decision": "d", "facts": facts},
        {
            "index": 1,
            "log": to_hex(LOG),
            "kind": "computation.completed",
            "decision": "d",
            "facts": {},
            "operation": operation,
        },
    ]
    tree = Tree()
    tree.extend([leaf_hash(canonical.encode(entry)) for entry in entries])
    row = cohort.prove(subject) if subject in rows else None
    bit = over.prove(order.index(subject))
    shown = (
        None
        if row is None
        else {
            "permitted": row.permitted,
            "salt": to_hex(row.salt),
            "index": row.index,
            "path": hexes(row.path),
        }
    )
    decision = {
        "entry": {"document": entries[0], "path": hexes(tree.inclusion_proof(0))},
        "row": shown,
        "absence": None if paged or shown else "a statement",
    }
    if paged:
        decision["page"] = {
            "row": bit.row,
            "rows": bit.rows,
            "row_salt": to_hex(bit.row_salt),
            "row_path": hexes(bit.row_path),
            "page": bit.page,
            "page_salt": to_hex(bit.page_salt),
            "considered": to_hex(bit.considered),
            "permitted": to_hex(bit.permitted),
            "path": hexes(bit.path),
        }
    return {
        "format": "consentry.participation/1",
        "subject": to_hex(subject),
        "checkpoint": write_checkpoint(Checkpoint(LOG, tree.size, tree.root()), [SIGNER]),
        "computation": {"document": entries[1], "path": hexes(tree.inclusion_proof(1))},
        "decisions": [decision],
    }


def changed(document, *path, to):
    document = json.loads(json.dumps(document))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


def agree_on_proofs(page, folder, texts, keys):
    """What the page and ``verify`` both say of each file: its verdict; None where it is no proof at all."""
    jobs, reports = [], []
    for number, text in enumerate(texts):
        path = folder / f"{number}.json"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        jobs.append({"participation": str(path), "logKeys": list(map(str, keys))})
        try:
            reports.append(verify_participation(path.read_bytes(), keys))
        except ProofInvalid:
            reports.append(None)
    for text, report, found in zip(texts, reports, page.run(jobs), strict=True):
        if report is None or found is None:  # one refuses the whole file for what the other finds in one claim
            assert report is None or report.verdict is Status.FAIL, text
            assert found is None or "fail" in {one["status"] for one in found}, text
            continue
        assert [(one["name"], one["status"]) for one in found] == [
            (check.name, check.status.value) for check in report.checks
        ], f"{text}: {found} {report}"
        for check, one in zip(report.checks, found, strict=True):
            assert (one["proves"], one["doesNotProve"]) == (check.proves, check.does_not_prove)
            if check.status is Status.PASS:
                assert one["detail"] == check.detail
    return [None if report is None else report.verdict for report in reports]


def test_of_a_proof_that_reads_in_two_ways_they_say_the_same(page, tmp_path):
    good = json.dumps(participation(ASKED, paged=True))
    note = json.loads(good)["checkpoint"]
    more = [f"{note}\u2014 {name} AAAAAAA=\n" for name in ("a\ud800", "a\u0085b", "a\ufeffb", "plain")]
    more += [note + "\u2014 other AAAAAAA=\n" * 4000, note.replace("\n2\n", f"\n{2**63}\n"), "no note"]
    notes = [json.dumps({**json.loads(good), "checkpoint": one}) for one in more]
    twice = [
        good.replace('"kind": "decision"', '"kind": "erasure", "kind": "decision"'),
        good.replace('"kind": "decision"', '"\\u006bind": "decision", "kind": "decision"'),
        good.replace('"subject": ', '"subject": 5, "subject": '),
    ]
    numbers = [
        good.replace('"index": 1', f'"index": {one}') for one in ("1.0", "1e0", "true", "-0", "9007199254740993", '"1"')
    ]
    odd = [
        good.replace('"operation": ""', f'"operation": {one}')
        for one in ('"\\ud800"', '{"__proto__": 1}', '{"\u00e9": 1}', "[" * 70 + "]" * 70, "1.5", "NaN")
    ]
    files = [good, json.dumps(json.loads(good), indent=2), good + " " * (1 << 22), "\ufeff" + good, good[:-1], "[]"]
    texts = [*files, *notes, *twice, *numbers, *odd]
    verdicts = agree_on_proofs(page, tmp_path, texts, [SIGNER.verifier])
    held = {number for number, verdict in enumerate(verdicts) if verdict is Status.PASS}
    assert held == {0, 1, len(files) + 2, len(files) + 3}


def test_of_a_proof_whose_entry_shows_what_the_log_holds_otherwise_they_say_the_same(page, tmp_path):
    """The log holds the one, the file shows the other: a checker that reads them alike proves what is not there."""
    held = {"\ufffd": '"\\ud800"', 1: "1.0", "0": "0"}
    for one, shown in held.items():
        text = json.dumps(participation(ASKED, paged=True, operation=one), ensure_ascii=False)
        assert agree_on_proofs(page, tmp_path, [text], [SIGNER.verifier]) == [Status.PASS]
        other = text.replace(f'"operation": {json.dumps(one, ensure_ascii=False)}', f'"operation": {shown}')
        assert other != text
        assert Status.PASS not in agree_on_proofs(page, tmp_path, [other], [SIGNER.verifier])


def test_another_logs_key_signs_for_no_log_but_its_own(page, tmp_path):
    neighbour = NoteSigner(origin_of(b"n" * 32), Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
    document = participation(ASKED, paged=True)
    text = document["checkpoint"].partition("\n\n")[0] + "\n"
    keys = [SIGNER.verifier, neighbour.verifier]
    forged = changed(document, "checkpoint", to=sign_note(text, [neighbour]))
    both = changed(document, "checkpoint", to=sign_note(text, [neighbour, SIGNER]))
    verdicts = agree_on_proofs(page, tmp_path, list(map(json.dumps, (document, both, forged))), keys)
    assert verdicts == [Status.PASS, Status.PASS, Status.FAIL]


def test_of_a_patients_proof_they_say_the_same(page, tmp_path):
    good = [participation(one, paged=paged) for one in (ASKED, REFUSED, OTHER) for paged in (False, True)]
    asked, absent = participation(ASKED, paged=True), participation(OTHER, paged=True)
    first = ("decisions", 0)
    bad = [
        changed(asked, "subject", to=to_hex(REFUSED)),
        changed(asked, "computation", "document", "facts", to={"rechecks": ["e"]}),
        changed(asked, *first, "row", to=None),
        changed(asked, *first, "row", "permitted", to=False),
        changed(asked, *first, "page", to=absent["decisions"][0]["page"]),
        changed(absent, *first, "page", "row", to=1),
        changed(absent, *first, "page", "rows", to=4),
        changed(absent, *first, "page", "considered", to="0x" + "ff" * 512),
        changed(absent, *first, "page", "page_salt", to="0x" + "00" * 16),
        changed(absent, *first, "entry", "document", "facts", "register", "leaves", to=2),
        changed(absent, *first, "entry", "path", to=[]),
        participation(OTHER, paged=True, counted=False),
    ]
    texts = [json.dumps(document) for document in good + bad]
    trusted = agree_on_proofs(page, tmp_path, texts, [SIGNER.verifier])
    assert Status.PASS not in agree_on_proofs(page, tmp_path, texts, [])
    assert trusted[: len(good)] == [*[Status.PASS] * 4, Status.UNCHECKED, Status.PASS]
    assert set(trusted[len(good) :]) == {Status.FAIL}
