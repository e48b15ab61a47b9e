"""What only somebody with the service's keys can bend: receipts and entries that are signed, logged, and do not agree.

A bundle cannot be changed that far, as the chain holds the log; so the checks get what they read out of one, changed
afterwards.
"""

import copy
import io
from dataclasses import replace
from hashlib import sha256

import pytest

from ledger.errors import CannotCheck, ProofInvalid
from ledger.transparency.cohort import CohortCommitment
from ledger.transparency.receipt import ConsentVersion, Duty
from ledger.verify import chain, decisions, log, replay
from ledger.verify.checks import _Examination
from tests.support.exhibit import exhibit


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """An honest bundle, examined: all that its checks read out of it."""
    with exhibit(tmp_path_factory.mktemp("exhibit") / "home") as shown:
        data, manifest = shown.export()
    examined = _Examination(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]), None, None, ())
    assert examined.report().exit_code == 0
    return examined


def changed(read, place, **fields):
    """The cases, with one receipt's fields changed."""
    cases = list(read.cases)
    cases[place] = replace(cases[place], receipt=replace(cases[place].receipt, **fields))
    return cases


# --- the receipt against the entry ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"request": b"\x01" * 32},
        {"outcome": "abstain"},
        {"at": 1},
        {"cohort": CohortCommitment(4, b"\x01" * 32)},
        {"cohort": CohortCommitment(5, b"\x01" * 32)},
        {"cohort": None},
        {"block_hash": b"\x01" * 32},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_receipt_that_says_other_than_its_entry_fails(read, fields):
    with pytest.raises(ProofInvalid, match="does not say the same"):
        decisions.check_receipts(changed(read, 1, **fields), read.entries, read.headers)


@pytest.mark.parametrize("field", ["decision", "study", "engine", "operation", "block"])
def test_an_entry_that_says_other_than_its_receipt_fails(read, field):
    entries = copy.deepcopy(read.entries)
    entries.decisions[read.cases[0].line.index][field] = "other"
    with pytest.raises(ProofInvalid, match="does not say the same"):
        decisions.check_receipts(read.cases, entries, read.headers)


@pytest.mark.parametrize("field", ["request", "receipt", "outcome", "at", "cohort"])
def test_an_entry_whose_facts_are_not_the_receipts_fails(read, field):
    entries = copy.deepcopy(read.entries)
    entries.decisions[read.cases[0].line.index]["facts"][field] = None
    with pytest.raises(ProofInvalid, match="does not say the same"):
        decisions.check_receipts(read.cases, entries, read.headers)


def test_an_entry_without_facts_fails(read):
    entries = copy.deepcopy(read.entries)
    entries.decisions[read.cases[0].line.index]["facts"] = "none"
    with pytest.raises(ProofInvalid, match="does not say the same"):
        decisions.check_receipts(read.cases, entries, read.headers)


def test_a_decision_at_a_block_that_the_headers_do_not_hold_fails(read):
    entries = copy.deepcopy(read.entries)
    case = read.cases[0]
    elsewhere = {"number": case.receipt.block_number, "hash": "0x" + "01" * 32}
    entries.decisions[case.line.index]["block"] = elsewhere
    with pytest.raises(ProofInvalid, match="not the one on the chain"):
        decisions.check_receipts(changed(read, 0, block_hash=b"\x01" * 32), entries, read.headers)


# --- the rows against the entry ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "more"), [("considered", 1), ("considered", -1), ("permitted", 1), ("permitted", -1)]
)
def test_an_entry_that_counts_other_rows_fails(read, field, more):
    entries = copy.deepcopy(read.entries)
    facts = entries.decisions[read.cases[0].line.index]["facts"]
    facts[field] += more
    with pytest.raises(ProofInvalid, match="counts other rows"):
        decisions.check_cohorts(read.opened, read.cases, entries)


def test_a_commitment_to_other_rows_fails(read):
    cases = changed(read, 0, cohort=replace(read.cases[0].receipt.cohort, root=b"\x01" * 32))
    with pytest.raises(ProofInvalid, match="committed to"):
        decisions.check_cohorts(read.opened, cases, read.entries)


def test_an_erased_row_that_no_entry_tells_of_fails(read):
    """A row that is only said to be erased, to hide who it was: its leaf is right, but no entry tells of an erasure."""
    honest = read.cases[0]
    rows = list(decisions.members_of(read.opened, honest))
    leaf = sha256(b"").digest()
    cases = [replace(honest, erased={len(rows): leaf}), *read.cases[1:]]
    grown = decisions.Cohort(
        [row.subject for row in rows],
        [row.outcome == 1 for row in rows],
        b"".join(row.salt for row in rows),
        {len(rows): leaf},
    )
    cases[0] = replace(cases[0], receipt=replace(honest.receipt, cohort=grown.commitment))
    entries = copy.deepcopy(read.entries)
    entries.decisions[honest.line.index]["facts"]["considered"] += 1
    with pytest.raises(ProofInvalid, match="no entry of the log tells"):
        decisions.check_cohorts(read.opened, cases, entries)
    entries.erasures[honest.line.index] += 1
    assert "1 that were erased" in decisions.check_cohorts(read.opened, cases, entries)
    with pytest.raises(CannotCheck, match="1 rows were erased"):
        replay.check_replay(read.opened, cases, read.history)


# --- the receipt against what the rows and the chain say together -----------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "deny"},
        {"outcome": "abstain"},
        {"reasons": ("permitted",)},
        {"reasons": ()},
        {"valid_until": 1},
        {"consents": (ConsentVersion(b"\x01" * 32, 1),)},
        {"codes": ("DUO:0000018",)},
        {"obligations": (Duty("publish", {}),)},
    ],
    ids=lambda fields: f"{next(iter(fields))}-{next(iter(fields.values()))}"[:24],
)
def test_a_receipt_that_does_not_sum_up_its_rows_fails(read, fields):
    with pytest.raises(ProofInvalid, match="does not sum up"):
        replay.check_replay(read.opened, changed(read, 0, **fields), read.history)


def test_a_refusal_summed_up_as_a_permit_fails(read):
    denied = next(place for place, case in enumerate(read.cases) if case.receipt.outcome == "deny")
    with pytest.raises(ProofInvalid, match="does not sum up"):
        replay.check_replay(read.opened, changed(read, denied, outcome="permit"), read.history)


# --- the anchors against each other -----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [{"previous_size": 1}, {"previous_root": b"\x01" * 32}])
def test_an_anchored_head_that_does_not_follow_the_last_fails(read, field):
    events = list(read.shown.events)
    place = max(at for at, placed in enumerate(events) if isinstance(placed.event, log.ev.HeadAnchored))
    events[place] = replace(events[place], event=replace(events[place].event, **field))
    with pytest.raises(ProofInvalid, match="is not shown"):
        log.check_anchors(read.opened, events)


def test_an_access_of_another_study_or_engine_or_told_twice_fails(read):
    events = list(read.shown.events)
    place = next(at for at, placed in enumerate(events) if isinstance(placed.event, log.ev.AccessesRecorded))
    for field in ("study", "engine"):
        other = replace(events[place], event=replace(events[place].event, **{field: b"\x01" * 32}))
        with pytest.raises(ProofInvalid, match="another study or engine"):
            log.check_accesses(read.opened, read.entries, [*events[:place], other, *events[place + 1 :]])
    with pytest.raises(ProofInvalid, match="twice"):
        log.check_accesses(read.opened, read.entries, [*events, events[place]])


def test_a_search_begins_in_the_block_of_the_event_itself(read):
    header = replace(read.headers.last, bloom=(1 << 2048) - 1)
    assert chain.may_change(header, [(header.number, 1)])
    assert not chain.may_change(header, [(header.number + 1, 1)])
