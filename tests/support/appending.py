"""Appends without end from several threads; writes down what it has promised, line by line. Made to be killed."""

import json
import threading
import time
from pathlib import Path

from ledger.domain.audit import Kind, NewEntry
from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from tests.support.stores import open_store

THREADS = 4


class SystemClock:
    def now(self) -> int:
        return int(time.time())


def entries(run: str, thread: int, number: int) -> list[NewEntry]:
    """What is appended under the key ``run-thread-number``: one entry, or two."""
    one = NewEntry(Kind.ACCESSED, f"engine:{thread}", facts={"run": run, "thread": thread, "number": number})
    return [one] * (1 + number % 2)


def main(folder: Path, log: bytes, run: str, output: Path) -> None:
    """Append to ``log`` in the store under ``folder`` until killed; promises go to ``output``, one JSON line each."""
    store = open_store(f"sqlite:///{folder / 'ledger.sqlite'}")
    appender = Appender(store.audit, SystemClock(), FileLogKeys(folder / "keys"))
    speaking = threading.Lock()
    promised = output.open("a")

    def work(thread: int) -> None:
        number = 0
        while True:
            key = f"{run}-{thread}-{number}"
            appended = appender.append(log, key, entries(run, thread, number))
            promise = {"key": [run, thread, number], "receipt": appended.receipt}
            with speaking:
                promised.write(json.dumps(promise) + "\n")
                promised.flush()
            number += 1

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
