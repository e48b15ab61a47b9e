"""When freshness cannot be shown there is no answer: 503 everywhere, never yes. A withdrawal is still taken."""

import time

from tests.support.problems import problem
from tests.support.service import WAIT, Service, build_world, fresh_id


def test_a_mirror_that_stands_still_stops_the_answers(tmp_path):
    service = Service(tmp_path, most_staleness=1)
    try:
        world = build_world(service)
        ((ann, wallet),) = world.enrol(1)
        consent = world.consent(ann, wallet)
        service.post("/v1/consents", {"acts": [consent]}, "subject", ann, 200, **WAIT)
        question = world.question(subjects=[ann])
        assert service.post("/v1/decisions", question, "engine", world.engine, 200).json()["permitted"] == 1
        withdrawal = world.withdrawal(ann, consent["id"], wallet)

        service.ledger._stop.set()  # the threads end, as if each had died
        for _ in range(1_200):
            if service.http.get("/readyz").status_code == 503:
                break
            time.sleep(0.05)
        rows = service.rows()
        problem(service.http.get("/readyz"), 503, "mirror-lagging")
        problem(service.post("/v1/decisions", question, "engine", world.engine), 503, "mirror-lagging")
        look = question | {"record": False}
        problem(service.post("/v1/decisions", look, "engine", world.engine), 503, "mirror-lagging")
        for whose in ([ann], "all", {"custodian": world.institution}):
            asked = question | {"subjects": whose}
            problem(service.post("/v1/cohorts", asked, "engine", world.engine), 503, "mirror-lagging")
        asked = {
            "subject": {"type": "engine", "id": world.engine},
            "action": {"name": "differential-privacy"},
            "resource": {"type": "patient", "id": ann},
            "context": {"study": world.study, "categories": ["demographics"]},
        }
        problem(service.post("/access/v1/evaluation", asked, "engine", world.engine), 503, "mirror-lagging")
        assert service.rows() == rows
        assert service.http.get("/healthz").status_code == 200

        taken = service.post("/v1/withdrawals", {"acts": [withdrawal]}, "subject", ann, 202, Prefer="wait=1").json()
        assert taken["items"][0]["state"] == "accepted"
    finally:
        service.close()

    # The next start carries the withdrawal to the chain.
    service = Service(tmp_path)
    try:
        digest = taken["items"][0]["digest"]
        for _ in range(1_200):  # the outbox may know of the block a moment before the mirror shows it
            item = service.get(f"/v1/acts/{digest}", "subject", fresh_id())
            shown = service.get(f"/v1/subjects/{ann}", "subject", ann)["consents"][0]
            if (item["state"], shown["state"]) == ("sealed", "withdrawn"):
                break
            time.sleep(0.05)
        assert (item["state"], shown["state"]) == ("sealed", "withdrawn")
    finally:
        service.close()
