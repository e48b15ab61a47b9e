"""One decision in process: the snapshot against SQL with an index, against Cedar and against casbin.

The snapshot is built from a real mirror. The SQL peer asks the same mirror the same question, one prepared statement a
check. The policy engines get ``peer_consents`` of its consents and must answer as we do (``peers``).
"""

import sqlite3
from pathlib import Path
from random import Random

from benches import history, peers
from benches.harness import Figures, Stage, each, spread
from ledger.chain.decoding import read_event
from ledger.domain.policy import Request
from ledger.domain.vocabulary import ACCEPTS, TOUCHES, Effect, Purpose, Use
from ledger.ports import MirrorStore
from ledger.services.pending import Pending
from ledger.snapshot.snapshot import Snapshot
from ledger.store.store import open_store

PEER_CONSENTS = 1_000
MICRO = 1e6

_QUESTION = """
SELECT max(scope_effect) FROM consent
WHERE subject = :subject AND to_block IS NULL AND state = 1 AND scope_valid_from <= :at AND valid_until > :at
  AND scope_recipient_kind = 1 AND scope_operations & :operation AND scope_data_from <= 0 AND scope_data_until > 0
  AND (scope_effect = :deny AND scope_purposes & :touches AND scope_categories & :categories
    OR scope_effect = :permit AND scope_purposes & :accepts AND scope_categories & :categories = :categories
       AND terms_version >= 1)
"""


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    path = stage.home() / "mirror.sqlite"
    store = open_store(f"sqlite:///{path}", read_event)
    try:
        written = history.write(store.mirror, stage.pick(20_000, 200_000))
        stage.say(f"{written.consents:,} consents in the mirror")
        snapshot = Snapshot.build(written.cursor.block, store.mirror.facts_at(written.cursor.block.number))
        rounds = stage.pick(20_000, 100_000)
        order = Random(1)  # noqa: S311 - a bench repeats itself
        asked = [[order.choice(written.subjects)] for _ in range(rounds)]
        request = written.request

        def check(place: int) -> object:
            return snapshot.decide(request, asked[place], history.NOW)

        pending = Pending(store.outbox)
        pending.at(written.cursor.block)

        def check_pending(_place: int) -> object:
            return pending.at(written.cursor.block)

        middle, worst = spread(each(check, rounds), MICRO)
        batch = each(lambda _place: snapshot.decide(request, written.subjects, history.NOW), 3)
        probe, _ = spread(each(check_pending, stage.pick(2_000, 10_000)), MICRO)
        figures: Figures = {
            "check_p50_us": middle,
            "check_p99_us": worst,
            "check_in_batch_us": round(sorted(batch)[1] / len(written.subjects) * MICRO, 2),
            "pending_p50_us": probe,
        }
        figures |= _sql(stage, path, request, asked)
        figures |= _peers(stage, store.mirror, snapshot, written)
        return {**figures, "consents": written.consents}
    finally:
        store.close()


def _sql(stage: Stage, path: Path, request: Request, asked: list[list[bytes]]) -> Figures:
    """The peer in SQL: the mirror's own table and index, the rule as one statement."""
    connection = sqlite3.connect(path)
    values = {
        "at": history.NOW,
        "operation": request.operation,
        "categories": request.categories,
        "permit": int(Effect.PERMIT),
        "deny": int(Effect.DENY),
        "accepts": int(ACCEPTS[Use.DISEASE] | Purpose.DS),
        "touches": int(TOUCHES[Use.DISEASE]),
    }

    def check(place: int) -> object:
        return connection.execute(_QUESTION, {**values, "subject": asked[place][0]}).fetchone()

    middle, _ = spread(each(check, stage.pick(5_000, 20_000)), MICRO)
    connection.close()
    return {"indexed_sql_p50_us": middle}


def _peers(stage: Stage, mirror: MirrorStore, snapshot: Snapshot, written: history.Written) -> Figures:
    """The peers of policy engines, on the same facts and with the same answers as ours."""
    request = written.request
    held = [(subject, mirror.consents(subject)) for subject in written.subjects[: 2 * PEER_CONSENTS]]
    alone = [(subject, consents[0]) for subject, consents in held if len(consents) == 1][:PEER_CONSENTS]
    ours = [one.permitted for one in snapshot.decide(request, [subject for subject, _ in alone], history.NOW)]
    consents = [consent for _, consent in alone]
    figures: Figures = {"peer_consents": len(consents)}
    for name, check in (("cedar", peers.cedar(consents, request)), ("casbin", peers.in_casbin(consents, request))):
        places = Random(2).sample(range(len(consents)), stage.pick(50, 300))  # noqa: S311 - a bench repeats itself
        wrong = [place for place in places if check(place) != ours[place]]
        if wrong:
            raise RuntimeError(f"{name} answers otherwise than we do on {len(wrong)} of {len(places)} patients")
        middle, _ = spread(each(lambda at, check=check, places=places: check(places[at]), len(places)), MICRO)  # type: ignore[misc]
        figures[f"{name}_p50_us"] = middle
    return figures
