"""Grants without end, through outbox and relayer; writes each digest down once it is accepted. Made to be killed."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from coincurve import PrivateKey

from ledger.chain.keys import sign_digest
from ledger.chain.opening import open_embedded
from ledger.chain.relayer import Relayer
from ledger.domain.acts import ConsentAct
from ledger.domain.vocabulary import FOREVER
from tests.support.scene import NOTHING, Patient, any_scope, fresh
from tests.support.stores import open_store


class SystemClock:
    def now(self) -> int:
        return int(time.time())


def grant_without_end(home: Path, terms: bytes, secrets: Sequence[tuple[bytes, bytes]], promises: Path) -> None:
    """Grant for the subjects with these keys."""
    patients = [Patient(subject, PrivateKey(secret)) for subject, secret in secrets]
    clock = SystemClock()
    store = open_store(f"sqlite:///{home}/ledger.db")
    chain = open_embedded(home, clock)
    relayer = Relayer(store.outbox, chain.writer, clock, batch=7)

    def relay() -> None:
        while True:
            relayer.run_once()

    threading.Thread(target=relay, daemon=True).start()
    number = int(time.time() * 1000)  # so that every run begins with another patient
    with promises.open("w") as file:
        while True:
            batch = []
            for _ in range(3):
                number += 1
                patient = patients[number % len(patients)]
                act = ConsentAct(
                    subject=patient.subject,
                    id=fresh(),
                    version=1,
                    scope=any_scope(terms),
                    form=NOTHING,
                    issued_at=clock.now(),
                    deadline=FOREVER,
                    signer=patient.signer,
                )
                digest = chain.writer.digest(act)
                batch.append((digest, msgspec.structs.replace(act, signature=sign_digest(patient.key, digest))))
            store.outbox.accept(batch, at=clock.now())
            file.writelines(digest.hex() + "\n" for digest, _ in batch)
            file.flush()
            time.sleep(0.02)
