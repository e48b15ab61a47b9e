"""Kill -9 in the midst of erasing: nobody is half erased, and asking again finishes what was begun."""

import random
import time

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.audit import Kind
from ledger.domain.vault import LocalRecord
from ledger.services.erase import erase
from ledger.services.fsck import check_log
from ledger.transparency import canonical
from tests.support.erasing import erase_each
from tests.support.exhibit import exhibit
from tests.support.killing import PROCESSES

KILLS = 8
SUBJECTS = 60


@pytest.mark.slow
def test_kills_leave_nobody_half_erased(tmp_path):
    chance = random.Random(20_261_124)
    home = tmp_path / "home"
    subjects = [bytes([number]) * 32 for number in range(1, SUBJECTS + 1)]
    with exhibit(home) as shown:
        log, context = shown.log, shown.ledger.context
        for number, subject in enumerate(subjects):
            context.vault.put(log, subject, LocalRecord(f"MRN-{number:06d}"))
        subjects[10:10] = [patient.subject for patient in shown.patients]
        shown.decide(shown.patients)

    begun = 0
    for _ in range(KILLS):
        answered = tmp_path / "answered"
        answered.write_text("")
        worker = PROCESSES.Process(target=erase_each, args=(home, subjects[begun:], log, answered))
        worker.start()
        end = time.monotonic() + 120
        while not answered.stat().st_size and worker.is_alive() and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 0.1))
        worker.kill()  # SIGKILL: nothing of it runs any more
        worker.join()
        done = answered.read_text().splitlines()
        begun += len(done)

        with open_ledger(Settings(home=home), writable=False) as ledger:
            context = ledger.context
            for place, subject in enumerate(subjects):
                erased = bool(context.erasures.of(subject))
                assert erased or place >= begun, "an answered erasure was lost"
                assert not erased or context.vault.get(log, subject) is None
                assert not erased or context.audit.decisions_on(subject) == []

    assert begun, "no run came to its first erasure"
    with open_ledger(Settings(home=home), writable=False) as ledger:
        ledger.catch_up()
        for subject in subjects:
            erase(ledger.context, ledger.appender, subject, log, "institution:x")
        audit = ledger.context.audit
        documents = [canonical.decode_object(entry.canonical) for entry in audit.entries(log, 0, audit.size(log))]
        told = [document["facts"]["erasure"] for document in documents if document["kind"] == Kind.ERASURE]
        assert len(told) == len(set(told)) == len(subjects)
        assert check_log(ledger.context, log).sound
