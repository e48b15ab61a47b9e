"""The steps that use the data: computing, withdrawing, computing again, and being refused."""

import time
from statistics import median
from typing import Any

import pandas as pd

from ledger.errors import ConsentDenied
from ledger.gate import CohortRequest, Gate
from ledger.gate.opendp import PrivateStatistics
from ledger.identity.principal import Role
from lung.people import BY_NAME, CANCER
from lung.registry import local_number
from lung.world import CATEGORIES, HOSPITAL, OPERATION, World, expect

RHO_AGE, RHO_SURVIVAL, RHO, DELTA = "0.05", "0.05", "0.1", "0.000001"
AGES = (18, 100)
WITHDRAWING = 10
DATASET_TERMS: dict[str, Any] = {
    "permission": "DS",
    "diseases": [f"MONDO:{CANCER:07d}"],
    "modifiers": {"NPU": True, "IRB": True, "PUB": True},
}
"""What the hospital allows: research on cancer, not for profit, with an ethics approval, and published."""
COMMIT_SECONDS = 30


def register_dataset(world: World) -> str:
    """The hospital says on what terms its patients' data may be used; from then on a study must meet them too."""
    identity, desk = world.memory.id("dataset"), world.institution(HOSPITAL)
    world.ensure(
        lambda: world.known(desk, f"/v1/datasets/{identity}") is not None,
        lambda: desk.post("/v1/datasets", {"id": identity, "terms": DATASET_TERMS}),
    )
    patient = next(place for place in world.of_site(HOSPITAL) if world.kinds[place] == "full")
    engine = world.engine()
    (look,) = engine.perform(engine.conversation.looks(_request(world, [world.devices[patient].hex])))
    expect(look.permitted, f"the terms of the dataset refuse the study: {look.reason}")
    return f"{DATASET_TERMS['permission']} (cancer) with {', '.join(DATASET_TERMS['modifiers'])}; the study meets them"


def first_computation(world: World) -> str:
    """Mean age and one-year survival of those who permit."""
    return _compute(world, "first", parents=())


def second_computation(world: World) -> str:
    """The same again, without those who withdrew; it names the first as its parent."""
    return _compute(world, "second", parents=(world.memory.kept("first")["leaf"],))


def _compute(world: World, name: str, *, parents: tuple[str, ...]) -> str:
    table = world.patients.frame.assign(subject=[device.hex for device in world.devices])
    gate = Gate(world.engine(), world.identity())
    gone = set(world.memory.kept("withdrawn") or ())
    with gate.computation(
        world.memory.id("study"),
        OPERATION,
        CATEGORIES,
        list(table["subject"]),
        params={"ages": list(AGES), "rho_age": RHO_AGE, "rho_survival": RHO_SURVIVAL},
        parents=parents,
    ) as run:
        statistics = PrivateStatistics(run, table, id_column="subject", rho=RHO, delta=DELTA)
        age = statistics.mean("mean-age", "age", bounds=AGES, rho=RHO_AGE)
        alive = statistics.proportion("one-year-survival", "alive_at_one_year", rho=RHO_SURVIVAL)
        permitted, size, loss = run.subjects, run.size, statistics.loss
        obliged = {duty.id for duty in run.obligations}
    expect(obliged == {"PUB"}, f"the permit obliges to {obliged or 'nothing'}, but the dataset's terms to publish")
    expected = {
        device.hex
        for device, kind in zip(world.devices, world.kinds, strict=True)
        if BY_NAME[kind].covers and device.hex not in gone
    }
    expect(permitted == expected, f"{len(permitted)} patients were let through, but {len(expected)} signed for it")
    assert run.completed is not None
    world.memory.keep(
        name,
        {
            "age": str(age.value.value),
            "alive": str(alive.value.value),
            "epsilon": str(loss.epsilon),
            "rho": str(loss.rho),
            "size": size,
            "decision": run.cohort.decision,
            "leaf": run.completed.entries[0].leaf,
            "index": run.completed.entries[0].index,
        },
    )
    known = [place for place, device in enumerate(world.devices) if device.hex in permitted]
    world.show.say(_truth(world.patients.frame.iloc[known]))
    return (
        f"mean age {age.value.value}, one-year survival {alive.value.value} on {size} permitted patients; "
        f"epsilon {loss.epsilon} at delta {DELTA} (rho {loss.rho}), to be published (PUB)"
    )


def _truth(rows: pd.DataFrame) -> str:
    """What the noise hides, for the reader of this demonstration alone; the data are public."""
    told = rows["alive_at_one_year"].dropna().astype(bool)
    return f"without noise, shown only because these data are public: {rows['age'].mean():.2f} and {told.mean():.4f}"


def anchor(world: World) -> str:
    """The log's head and its access events go to the chain."""
    desk = world.institution(HOSPITAL)
    answer = desk.post(f"/v1/logs/{world.hospital}/anchors", {}, wait=COMMIT_SECONDS)
    world.sealed(desk, answer["items"])

    def covered() -> bool:
        log = world.auditor.get(f"/v1/logs/{world.hospital}")
        return log["anchored"] is not None and log["anchored"]["size"] == log["size"]

    world.until(covered, "the log's head is not anchored")
    log = world.auditor.get(f"/v1/logs/{world.hospital}")
    return f"{log['size']} entries under one root, in block {log['anchored']['block']}"


def withdraw(world: World) -> str:
    """Ten patients take their yes back; each is denied at once, sealed or not."""
    chosen = _withdrawing(world)
    world.memory.keep("withdrawn", [world.devices[place].hex for place in chosen])
    engine = world.engine()
    waits: list[float] = []
    before_sealing = 0
    for place in world.show.track(chosen, "withdrawing"):
        device = world.devices[place]
        patient = world.service.client(Role.SUBJECT, device.hex)
        patient.post("/v1/withdrawals", {"acts": [device.withdrawal(0, world.domains)]})
        received = time.monotonic()
        (look,) = engine.perform(engine.conversation.looks(_request(world, [device.hex])))
        waits.append(time.monotonic() - received)
        expect(not look.permitted, "a patient who withdrew was still permitted")
        before_sealing += look.reason == "pending_withdrawal"
    world.until(
        lambda: all(_withdrawn(world, world.devices[place].hex) for place in chosen), "a withdrawal is not sealed"
    )
    return (
        f"{len(chosen)} of {len(chosen)} denied at once ({before_sealing} of them before the chain had it), "
        f"{1000 * median(waits):.0f} ms after the receipt"
    )


def forget(world: World) -> str:
    """One patient of the hospital is erased: the number leads nowhere, every question is denied, the log says so."""
    place = next(place for place in world.of_site(HOSPITAL) if world.kinds[place] == "no-commercial")
    subject, number = world.devices[place].hex, local_number(place)
    desk, engine = world.institution(HOSPITAL), world.engine()
    (erasure, *_) = desk.delete(f"/v1/subjects/{subject}/personal-data")["erasures"]
    found = desk.post("/v1/subjects/search", {"reference": number})
    expect(found["subjects"] == [], "the vault still finds an erased patient")
    (look,) = engine.perform(engine.conversation.looks(_request(world, [subject])))
    expect((look.permitted, look.reason) == (False, "erased"), "an erased patient was not denied")
    told = [entry["document"] for entry in _entries(world) if entry["document"]["kind"] == "erasure"]
    (document,) = [one for one in told if one["facts"]["erasure"] == erasure["id"]]
    expect(subject not in str(document), "the log names the erased patient")
    return f"number and {len(document['facts']['openings'])} openings destroyed; entry {document['index']} says so"


def _withdrawing(world: World) -> list[int]:
    """Ten of those who permit everything, the same at every start."""
    return [place for place, kind in enumerate(world.kinds) if kind == "full"][:: max(1, 40 // WITHDRAWING)][
        :WITHDRAWING
    ]


def _withdrawn(world: World, subject: str) -> bool:
    state = world.service.client(Role.SUBJECT, subject).get(f"/v1/subjects/{subject}")
    return not state["pending"] and all(one["state"] == "withdrawn" for one in state["consents"])


def _request(world: World, subjects: list[str], engine: str = "engine") -> CohortRequest:
    return CohortRequest.of(
        study=world.memory.id("study"),
        engine=world.memory.id(engine),
        operation=OPERATION,
        categories=CATEGORIES,
        subjects=subjects,
    )


def refuse_stranger(world: World) -> str:
    """An engine for synthetic data asks for differential privacy, and is refused; the log shows it."""
    gate = Gate(world.engine("stranger"), world.identity("stranger"))
    try:
        with gate.computation(
            world.memory.id("study"), OPERATION, CATEGORIES, [device.hex for device in world.devices]
        ) as run:
            expect(False, f"an engine of another operation was let through to {run.size} patients")
    except ConsentDenied as denial:
        world.show.say(f"the Gate: {denial}")
    found = [entry for entry in _entries(world) if entry["document"]["engine"] == world.memory.id("stranger")]
    expect(bool(found), "the denial is not in the log")
    document = found[-1]["document"]
    facts = document["facts"]
    expect(document["kind"] == "decision" and facts["outcome"] == "deny", "the log does not say that it was denied")
    expect(all(entry["document"]["kind"] == "decision" for entry in found), "the refused engine computed something")
    return f"denied ({', '.join(facts['excluded'])}); entry {document['index']} of the log says so, and nothing started"


def _entries(world: World) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    path = f"/v1/logs/{world.hospital}/entries?limit=1000"
    cursor = ""
    while True:
        page = world.auditor.get(path + cursor)
        entries += page["entries"]
        if page["next"] is None:
            return entries
        cursor = f"&cursor={page['next']}"
