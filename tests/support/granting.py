"""Grants without end, through outbox and relayer; prints each digest once its act is accepted. Made to be killed."""

import json
import sys
import threading
import time
from pathlib import Path

import msgspec
from coincurve import PrivateKey

from ledger.chain.keys import sign_digest
from ledger.chain.opening import open_embedded
from ledger.chain.relayer import Relayer
from ledger.domain.acts import ConsentAct
from ledger.domain.vocabulary import FOREVER
from ledger.store.store import open_store
from tests.support.scene import NOTHING, Patient, any_scope, fresh


class SystemClock:
    def now(self) -> int:
        return int(time.time())


def main() -> None:
    setting = json.loads(Path(sys.argv[1]).read_text())
    home = Path(setting["home"])
    patients = [Patient(bytes.fromhex(s), PrivateKey(bytes.fromhex(k))) for s, k in setting["patients"]]
    terms = bytes.fromhex(setting["terms"])
    store = open_store(f"sqlite:///{home}/ledger.db")
    chain = open_embedded(home, SystemClock())
    relayer = Relayer(store.outbox, chain.writer, SystemClock(), batch=7)

    def relay() -> None:
        while True:
            relayer.run_once()

    threading.Thread(target=relay, daemon=True).start()
    scope = any_scope(terms)
    number = int(time.time() * 1000)  # so that every run begins with another patient
    while True:
        batch = []
        for _ in range(3):
            number += 1
            patient = patients[number % len(patients)]
            act = ConsentAct(
                subject=patient.subject,
                id=fresh(),
                version=1,
                scope=scope,
                form=NOTHING,
                issued_at=int(time.time()),
                deadline=FOREVER,
                signer=patient.signer,
            )
            digest = chain.writer.digest(act)
            batch.append((digest, msgspec.structs.replace(act, signature=sign_digest(patient.key, digest))))
        store.outbox.accept(batch, at=int(time.time()))
        for digest, _ in batch:
            print(digest.hex(), flush=True)
        time.sleep(0.02)


main()
