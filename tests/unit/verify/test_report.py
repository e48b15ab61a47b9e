"""Verdicts: nothing counts as holding that was not seen to hold."""

from itertools import product

import pytest

from ledger.errors import CannotCheck, MirrorDiverged, ProofInvalid
from ledger.verify import claims
from ledger.verify.report import Check, Report, Status


def report(*statuses):
    return Report(tuple(Check(str(n), status, "", "", "") for n, status in enumerate(statuses)))


def test_one_failure_decides_and_one_open_claim_is_never_a_pass():
    for statuses in product(Status, repeat=3):
        found = report(*statuses)
        wanted = 1 if Status.FAIL in statuses else 3 if Status.UNCHECKED in statuses else 0
        assert found.exit_code == wanted


def test_an_empty_report_holds_nothing():
    assert report().exit_code == 3


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (None, Status.PASS),
        (CannotCheck("no key"), Status.UNCHECKED),
        (ProofInvalid("changed"), Status.FAIL),
        (MirrorDiverged("missing"), Status.FAIL),
        (RecursionError("too deep"), Status.FAIL),
        (KeyError("facts"), Status.FAIL),
    ],
)
def test_whatever_goes_wrong_ends_in_a_line_of_the_report(problem, status):
    def work():
        if problem is not None:
            raise problem
        return "found"

    trial = claims.Trial()
    assert trial.attempt(claims.TREE, work) is (status is Status.PASS)
    assert trial.report("not tried").check("tree").status is status


def test_claims_that_were_not_tried_could_not_be_checked():
    found = claims.Trial().report("the file is damaged")
    assert {check.status for check in found.checks} == {Status.UNCHECKED}
    assert {check.detail for check in found.checks} == {"the file is damaged"}
    assert [check.name for check in found.checks] == [claim.name for claim in claims.ALL]
