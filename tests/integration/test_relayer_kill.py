"""Kill -9 while acts are accepted and carried: afterwards each accepted act is on the chain exactly once."""

import random
import time
from collections import Counter

import pytest

from ledger.chain.opening import open_embedded
from ledger.chain.relayer import Relayer
from ledger.domain.events import ActRefused, ConsentRecorded
from ledger.domain.outbox import ItemState
from tests.support.granting import SystemClock, grant_without_end
from tests.support.killing import PROCESSES
from tests.support.scene import Patient, Scene
from tests.support.stores import open_store

KILLS = 20
PATIENTS = 60


@pytest.mark.slow
def test_twenty_kills_lose_and_double_nothing(tmp_path):
    chance = random.Random(20_261_124)
    store = open_store(f"sqlite:///{tmp_path}/ledger.db")
    chain = open_embedded(tmp_path, SystemClock())
    scene = Scene(chain, int(time.time())).found()
    patients = [Patient() for _ in range(PATIENTS)]
    scene.must(*[scene.enrolment(patient) for patient in patients])
    chain.close()
    store.close()

    secrets = [(patient.subject, patient.key.secret) for patient in patients]
    promised: list[bytes] = []
    for kill in range(KILLS):
        output = tmp_path / f"accepted-{kill}"
        worker = PROCESSES.Process(target=grant_without_end, args=(tmp_path, scene.terms, secrets, output))
        worker.start()
        while not output.exists() or not output.stat().st_size:
            assert worker.is_alive(), "the worker ended by itself"
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 0.4))
        assert worker.is_alive(), "the worker ended by itself"
        worker.kill()
        worker.join()
        whole_lines = output.read_bytes().rpartition(b"\n")[0].split()
        promised += [bytes.fromhex(line.decode()) for line in whole_lines]

    store = open_store(f"sqlite:///{tmp_path}/ledger.db")
    chain = open_embedded(tmp_path, SystemClock())
    relayer = Relayer(store.outbox, chain.writer, SystemClock(), batch=7)
    while not relayer.run_once().idle:
        pass
    happened = [logged.event for logged in chain.reader.events_between(0, chain.reader.head().number)]
    on_chain = Counter(event.digest for event in happened if isinstance(event, ConsentRecorded))
    assert len(promised) >= KILLS
    assert set(promised) <= set(on_chain), "an accepted act is missing"
    assert set(on_chain.values()) == {1}, "an act is there twice"
    assert not any(isinstance(event, ActRefused) for event in happened), "an act was sent twice"
    items = [store.outbox.item(digest) for digest in on_chain]
    assert all(item is not None and item.state is ItemState.SEALED for item in items)
    assert not store.outbox.transmissions()
    assert not store.outbox.waiting(1)
    chain.close()
    store.close()
