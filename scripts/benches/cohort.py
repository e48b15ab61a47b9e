"""A cohort: deciding on every subject of a snapshot, and committing to who was considered.

``count_and_commitment_ms`` is the second form, bits over a register that was made before; ``one_by_one_ms`` the first,
a leaf a subject, with all decisions. ``recorded_ms`` is the whole service call: decided, committed, one row a subject
and the entry written durably, signed.
"""

import secrets
from dataclasses import dataclass, replace
from statistics import median

from benches import history, streams
from benches.harness import Figures, Stage, seconds, typical
from benches.scene import settings
from ledger.bootstrap import open_ledger
from ledger.chain.decoding import read_event
from ledger.domain.decision import Reason
from ledger.services.append import Appender
from ledger.services.decide import SALT_BYTES, record
from ledger.services.pending import Pending
from ledger.services.registers import Registers
from ledger.snapshot.cohort import Sweep, commit
from ledger.snapshot.snapshot import Snapshot
from ledger.store.store import open_store
from ledger.transparency.cohort import Cohort
from ledger.transparency.register import SEED_SIZE

RUNS = 3


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A decider that stands at one snapshot."""

    snapshot: Snapshot

    def view(self, *, at_least_block: int = 0) -> Snapshot:
        """The snapshot."""
        del at_least_block
        return self.snapshot


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    store = open_store(f"sqlite:///{stage.home() / 'mirror.sqlite'}", read_event)
    try:
        written = history.write(store.mirror, stage.pick(20_000, 200_000))
        stage.say(f"{written.consents:,} consents in the mirror")
        number = written.cursor.block.number
        built = seconds(lambda: Snapshot.build(written.cursor.block, store.mirror.facts_at(number)))
        snapshot = Snapshot.build(written.cursor.block, store.mirror.facts_at(number))
        subjects = snapshot.subjects()

        def count() -> Sweep:
            return snapshot.cohort(written.request, history.NOW)

        def committed() -> object:
            return commit(snapshot.table, count(), secrets.token_bytes(SEED_SIZE)).commitment

        def one_by_one() -> bytes:
            decisions = snapshot.decide(written.request, subjects, history.NOW)
            salts = secrets.token_bytes(SALT_BYTES * len(subjects))
            return Cohort(subjects, [one.permitted for one in decisions], salts).commitment.root

        figures: Figures = {
            "consents": written.consents,
            "subjects": len(subjects),
            "permitted": count().reasons[Reason.PERMITTED],
            "count_ms": round(typical([count] * RUNS) * 1e3, 2),
            "register_ms": round(seconds(lambda: snapshot.table.register().roots) * 1e3, 1),
            "count_and_commitment_ms": round(typical([committed] * RUNS) * 1e3, 2),
            "one_by_one_ms": round(typical([one_by_one] * RUNS) * 1e3, 1),
            "build_snapshot_s": round(built, 2),
        }
        with open_ledger(settings(stage.home())) as ledger:
            context = replace(
                ledger.context,
                mirror=store.mirror,
                audit=store.audit,
                outbox=store.outbox,
                pending=Pending(store.outbox),
                decider=_Fixed(snapshot),
                registers=Registers(store.registers, store.mirror, secrets.token_bytes(SEED_SIZE)),
            )
            appender = Appender(store.audit, context.clock, context.log_keys)
            times = [seconds(lambda: record(context, appender, written.request, None)) for _ in range(RUNS)]
        return {**figures, "recorded_ms": round(median(times) * 1e3, 1), **streams.measure(stage)}
    finally:
        store.close()
