"""The mirror of the embedded chain decides as the contract does, at every block, and holds against the chain."""

import time

from ledger.chain.opening import open_embedded
from ledger.domain.consent import live_ids
from ledger.domain.policy import decide
from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Mirror, Standing
from tests.support.scene import Patient, Scene, any_scope, fresh
from tests.support.stores import open_store


class SystemClock:
    def now(self) -> int:
        return int(time.time())


def test_the_mirror_decides_as_the_contract_did_at_every_block(tmp_path):
    clock = SystemClock()
    chain = open_embedded(tmp_path, clock)
    deployed = chain.reader.head().number
    store = open_store(f"sqlite:///{tmp_path}/ledger.db")
    mirror = Mirror(chain.reader, store.mirror, clock)
    scene = Scene(chain, clock.now()).found()
    mirror.catch_up()
    patients, consents = [Patient() for _ in range(4)], [fresh() for _ in range(4)]
    scene.must(*(scene.enrolment(patient) for patient in patients))
    scene.must(*(scene.consent(p, id=c) for p, c in zip(patients, consents, strict=True)))
    scene.must(scene.consent(patients[0], scope=any_scope(scene.terms, effect=2)))
    scene.must(scene.withdrawal(patients[1], consents[1]))
    scene.must(scene.withdrawal_of_all(patients[2]))
    narrow = any_scope(scene.terms, operations=2)
    scene.must(scene.consent(patients[3], id=consents[3], version=2, scope=narrow))
    progress = mirror.catch_up()
    assert (progress.standing, progress.cursor.block) == (Standing.CAUGHT_UP, chain.reader.head())

    request, outcomes = scene.request(), set()
    for block in range(deployed, progress.cursor.block.number + 1):
        at = chain.reader.block(block).timestamp
        for patient in patients:
            setting = store.mirror.setting_at(request, block)
            consents = store.mirror.consents_at(patient.subject, block)
            ours = decide(request, setting, consents, at)
            theirs = chain.reader.decide(patient.subject, live_ids(consents or ()), request, at, block)
            assert ours == theirs, f"block {block}"
            outcomes.add(ours.reason)
    assert {reason.name for reason in outcomes} >= {
        "PERMITTED",
        "STUDY_UNKNOWN",
        "SUBJECT_UNKNOWN",
        "DENIED_BY_SUBJECT",
        "NO_CONSENT",
        "NOT_COVERED",
    }
    verified = verify_mirror(chain.reader, store.mirror, span=3)
    assert verified.cursor == progress.cursor
    assert verified.events == len(store.mirror.events_in(0, 1 << 40)) > 10
    store.close()
    chain.close()
