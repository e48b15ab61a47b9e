"""Kill -9 in the midst of appending: every receipt that was given out before still holds afterwards.

A hundred times, which takes about a minute; ``CONSENTRY_KILLS`` sets how many.
"""

import json
import os
import random
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from ledger.services.fsck import check_log
from ledger.transparency import canonical
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.proofs import verify_inclusion
from ledger.transparency.receipt import open_append
from ledger.transparency.tree import Tree, inclusion_proof
from tests.fakes.chain import FakeClock
from tests.support.appending import entries, main
from tests.support.killing import PROCESSES
from tests.support.stores import open_store

KILLS = int(os.environ.get("CONSENTRY_KILLS", "100"))
LOG = b"\x0a" * 32


def run_and_kill(folder: Path, run: str, seconds: float) -> list[dict]:
    """Let a process append, kill it ``seconds`` after its first promise; returns what it promised."""
    output = folder / f"promised-{run}"
    output.touch()
    worker = PROCESSES.Process(target=main, args=(folder, LOG, run, output))
    worker.start()
    try:
        while not output.stat().st_size and worker.is_alive():
            time.sleep(0.005)
        time.sleep(seconds)
        assert worker.is_alive(), "the worker ended by itself"
    finally:
        worker.kill()  # SIGKILL: nothing of it runs any more
        worker.join()
    return [json.loads(line) for line in output.read_bytes().rpartition(b"\n")[0].splitlines()]


@pytest.mark.slow
def test_kills_break_no_promise(tmp_path):
    chance = random.Random(20_261_124)
    promises = [
        promise for kill in range(KILLS) for promise in run_and_kill(tmp_path, str(kill), chance.uniform(0.0, 0.25))
    ]
    assert len(promises) >= KILLS

    store = open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    keys = FileLogKeys(tmp_path / "keys")
    verifier = keys.note_signer(LOG).verifier
    audit = store.audit
    size = audit.size(LOG)

    # The log is dense, and its stored head is that of the tree recomputed from the entries' bytes.
    tree = Tree()
    for place, stored in enumerate(audit.entries(LOG, 0, size)):
        assert stored.index == place
        assert canonical.decode_object(stored.canonical)["index"] == place
        tree.append(leaf_hash(stored.canonical))
    assert tree.size == size
    newest = audit.checkpoint(LOG)
    assert (newest.size, newest.root) == (size, tree.root()), "no checkpoint holds the last entries"

    # Every receipt holds: its leaf at its index, under its checkpoint, which the whole log extends.
    indexes = []
    for promise in promises:
        receipt = open_append(promise["receipt"], keys.published)
        head = verify_checkpoint(receipt.checkpoint, [verifier], LOG)
        assert head.root == tree.root(head.size), "a head that was given out is not of this log"
        span = range(receipt.index, receipt.index + receipt.count)
        leaves = [audit.entry(LOG, index).leaf for index in span]
        assert receipt.promises(leaves)
        for index, leaf in zip(span, leaves, strict=True):
            verify_inclusion(leaf, index, head.size, inclusion_proof(audit.nodes(LOG), index, head.size), head.root)
        indexes += span
    assert len(set(indexes)) == len(indexes), "an index was given twice"

    ports = SimpleNamespace(audit=audit, mirror=store.mirror, log_keys=keys)
    assert check_log(ports, LOG).findings == []

    # Who asks again with the same key gets the same receipt, and nothing is written twice.
    appender = Appender(audit, FakeClock(), keys)
    for promise in promises[::23]:
        key = promise["key"]
        again = appender.append(LOG, "-".join(map(str, key)), entries(*key))
        assert again.receipt == promise["receipt"]
    assert audit.size(LOG) == size
    store.close()
