"""One decision in process: the snapshot against SQL with an index and against casbin.

The snapshot is built from a real mirror. The SQL peer asks the same mirror the same question, one prepared statement a
check. The casbin peer has one policy a consent and matches like an ABAC model; it looks at every policy, so it gets few
consents and its figure goes with ``casbin_consents``.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from random import Random

import casbin

from benches import history
from benches.harness import Figures, Stage, each, spread
from ledger.domain.policy import Request
from ledger.domain.vocabulary import ACCEPTS, TOUCHES, Effect, Purpose, Use
from ledger.services.pending import Pending
from ledger.snapshot.snapshot import Snapshot
from ledger.store.store import open_store

CASBIN_CONSENTS = 1_000
MICRO = 1e6

_QUESTION = """
SELECT max(scope_effect) FROM consent
WHERE subject = :subject AND to_block IS NULL AND state = 1 AND scope_valid_from <= :at AND valid_until > :at
  AND scope_recipient_kind = 1 AND scope_operations & :operation AND scope_data_from <= 0 AND scope_data_until > 0
  AND (scope_effect = :deny AND scope_purposes & :touches AND scope_categories & :categories
    OR scope_effect = :permit AND scope_purposes & :accepts AND scope_categories & :categories = :categories
       AND terms_version >= 1)
"""
_MODEL = """
[request_definition]
r = patient, operation, purpose, at
[policy_definition]
p = patient, operations, purposes, since, until, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.patient == p.patient && within(r.operation, p.operations) && within(r.purpose, p.purposes) && \
    during(r.at, p.since, p.until)
"""


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    path = stage.home() / "mirror.sqlite"
    store = open_store(f"sqlite:///{path}")
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
        figures |= _casbin(stage, request)
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


def _casbin(stage: Stage, request: Request) -> Figures:
    """The peer of policy engines."""
    model = casbin.model.Model()
    model.load_model_from_text(_MODEL)
    enforcer = casbin.Enforcer(model)
    within: Callable[[int, str], bool] = lambda asked, allowed: bool(asked & int(allowed))  # noqa: E731
    enforcer.add_function("within", within)
    enforcer.add_function("during", lambda at, since, until: int(since) <= at < int(until))
    order = Random(2)  # noqa: S311 - a bench repeats itself
    names = [order.randbytes(32).hex() for _ in range(CASBIN_CONSENTS)]
    enforcer.add_policies([[name, "65535", str(int(Purpose.HMB)), "0", str(1 << 40), "allow"] for name in names])
    accepts = int(ACCEPTS[Use.DISEASE])

    def check(place: int) -> object:
        return enforcer.enforce(names[place % len(names)], request.operation, accepts, history.NOW)

    assert check(0)
    middle, _ = spread(each(check, stage.pick(50, 200)), MICRO)
    return {"casbin_p50_us": middle, "casbin_consents": CASBIN_CONSENTS}
