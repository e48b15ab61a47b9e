"""The AuditAnchor accepts exactly the consistency proofs that others' vectors call sound."""

import base64
import json
import os
from pathlib import Path

import pytest

from tests.unit.contracts.ledger_world import LedgerWorld, RevertedError

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data")
VECTORS = sorted((DATA / "merkle" / "consistency").rglob("*.json"))


def test_vectors_are_there():
    if not VECTORS:
        pytest.skip("no merkle vectors: set CONSENTRY_TEST_DATA to the folder that holds them")


@pytest.fixture(scope="module")
def world():
    return LedgerWorld()


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_vector(world, path):
    vector = json.loads(path.read_text(encoding="utf-8"))
    old, new = vector["size1"], vector["size2"]
    if old in (0, new):
        pytest.skip("the contract anchors no head twice, and the first one without a proof")
    roots = [base64.b64decode(vector[name]) for name in ("root1", "root2")]
    proof = [base64.b64decode(node) for node in vector["proof"] or []]
    if {len(word) for word in (*roots, *proof)} - {32}:
        assert vector["wantErr"], "only bytes32 can be said to the contract"
        return
    log = str(path)
    world.admit(log)
    world.append(log, old, roots[0])
    if vector["wantErr"]:
        with pytest.raises(RevertedError):
            world.append(log, new, roots[1], proof)
        assert world.head(log) == (old, roots[0])
    else:
        world.append(log, new, roots[1], proof)
        assert world.head(log) == (new, roots[1])
