"""The whole path over HTTP: enrol, grant, decide, append, anchor, withdraw, deny, prove."""

import time

from ledger.transparency import canonical
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.transparency.cohort import CohortCommitment, CohortProof, verify_cohort
from ledger.transparency.encoding import from_hex
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.keys import KeySet
from ledger.transparency.note import VerifierKey
from ledger.transparency.proofs import verify_consistency, verify_inclusion
from ledger.transparency.receipt import open_append, open_decision
from tests.support.service import HOUR, WAIT, fresh_id


def test_from_a_signature_to_a_proof(world):
    service, engine, log = world.service, world.engine, world.institution
    keys = KeySet.from_jwks(service.http.get("/.well-known/jwks.json").json())
    (ann, ann_wallet), (bob, bob_wallet), (eve, _) = world.enrol(3)

    # Ann and Bob consent; Eve never answers.
    grants = [world.consent(ann, ann_wallet), world.consent(bob, bob_wallet)]
    granted = service.post("/v1/consents", {"acts": grants}, "institution", log, 200, **WAIT).json()
    assert [item["state"] for item in granted["items"]] == ["sealed", "sealed"]
    held = service.get(f"/v1/subjects/{ann}", "subject", ann)
    assert [(one["id"], one["version"], one["state"]) for one in held["consents"]] == [(grants[0]["id"], 1, "active")]
    assert held["consents"][0]["granted_block"] == granted["items"][0]["block"]
    assert held["consents"][0]["scope"]["purposes"] == ["health-research"]
    assert (held["custodian"], held["pending"]) == (log, [])

    # The engine asks for its cohort.
    question = world.question(subjects=[ann, bob, eve], at_least_block=granted["items"][0]["block"])
    cohort = service.post("/v1/cohorts", question, "engine", engine, 200).json()
    assert sorted(cohort["permitted"]["subjects"]) == sorted([ann, bob])
    assert (cohort["considered"], cohort["permitted"]["count"]) == (3, 2)
    assert cohort["excluded"] == [{"reason": "no_consent", "count": None, "suppressed": True}]
    receipt = open_decision(cohort["receipt"], keys)
    assert (receipt.decision, receipt.outcome, receipt.block_number) == (
        cohort["id"],
        "permit",
        cohort["block"]["number"],
    )

    # Each patient can be shown whether they were in it.
    commitment = CohortCommitment(cohort["commitment"]["size"], from_hex(cohort["commitment"]["root"]))
    assert commitment == receipt.cohort
    for subject, permitted in ((ann, True), (eve, False)):
        proof = service.get(f"/v1/decisions/{cohort['id']}/members/{subject}", "subject", subject)
        assert proof["permitted"] is permitted
        path = tuple(from_hex(node) for node in proof["path"])
        salt = from_hex(proof["salt"], 16)
        verify_cohort(CohortProof(from_hex(subject), permitted, salt, proof["index"], path), commitment)
    assert service.get(f"/v1/decisions/{cohort['id']}", "engine", engine)["permitted"] == 2
    replayed = service.get(f"/v1/decisions/{cohort['id']}/replay", "auditor", world.auditor)
    assert (replayed["same"], replayed["chain"]) == (True, {"asked": 3, "same": True, "differences": []})

    # It computes and says so.
    entries = {
        "entries": [
            {"kind": "computation.started", "study": world.study, "decision": cohort["id"]},
            {
                "kind": "computation.completed",
                "study": world.study,
                "operation": "differential-privacy",
                "decision": cohort["id"],
                "facts": {"epsilon": "0.5", "rounds": 1},
            },
        ]
    }
    key = fresh_id()
    appended = service.post("/v1/entries", entries, "engine", engine, 200, **{"Idempotency-Key": key}).json()
    again = service.post("/v1/entries", entries, "engine", engine, 200, **{"Idempotency-Key": key}).json()
    assert appended["entries"] == again["entries"]
    last = appended["entries"][-1]
    receipt = open_append(appended["receipt"], keys)
    assert receipt.index == appended["entries"][0]["index"]
    assert receipt.promises([bytes.fromhex(one["leaf"][2:]) for one in appended["entries"]])

    # The log is anchored, and the entry is proved to the head that the chain holds.
    seen = service.get(f"/v1/logs/{log}", "auditor", world.auditor)
    note_key = VerifierKey.parse(seen["key"])
    head = verify_checkpoint(appended["checkpoint"], [note_key], from_hex(log))
    anchored = service.post(f"/v1/logs/{log}/anchors", {}, "auditor", world.auditor, 200, **WAIT).json()
    assert [item["state"] for item in anchored["items"]] == ["sealed"]
    entry = service.get(f"/v1/logs/{log}/entries/{last['index']}", "auditor", world.auditor)
    assert entry["leaf"] == last["leaf"]
    assert leaf_hash(canonical.encode(entry["document"])) == from_hex(last["leaf"])
    proof, path = entry["proof"], [from_hex(node) for node in entry["proof"]["path"]]
    assert (proof["size"], proof["root"]) == (entry["anchored"]["size"], entry["anchored"]["root"])
    verify_inclusion(from_hex(entry["leaf"]), last["index"], proof["size"], path, from_hex(proof["root"]))
    consistency = service.get(f"/v1/logs/{log}/consistency", "auditor", world.auditor, first=head.size)
    verify_consistency(
        head.size,
        consistency["second"],
        head.root,
        from_hex(consistency["second_root"]),
        [from_hex(node) for node in consistency["path"]],
    )

    # Ann withdraws: it bites at once, before the chain has it.
    body = {"acts": [world.withdrawal(ann, grants[0]["id"], ann_wallet)]}
    withdrawn = service.post("/v1/withdrawals", body, "subject", ann, 202).json()
    decided = service.post("/v1/decisions", world.question(subjects=[ann, bob]), "engine", engine, 200).json()
    by_subject = {one["subject"]: one for one in decided["decisions"]}
    assert by_subject[ann]["outcome"] == "deny"
    assert by_subject[ann]["reason"] in {"pending_withdrawal", "no_consent"}
    assert by_subject[bob] == {
        "subject": bob,
        "outcome": "permit",
        "reason": "permitted",
        "consent": grants[1]["id"],
        "version": 1,
        "valid_until": by_subject[bob]["valid_until"],
        "codes": [],
        "obligations": [],
    }
    for _ in range(1_200):
        item = service.get(f"/v1/acts/{withdrawn['items'][0]['digest']}", "subject", ann)
        if item["state"] == "sealed":
            break
        time.sleep(0.05)
    assert item["state"] == "sealed"

    # Ann sees who used her data, and who tried after she said no.
    uses = service.get(f"/v1/subjects/{ann}/uses", "subject", ann)["uses"]
    assert [use["outcome"] for use in uses] == ["deny", "permit"]
    assert uses[1]["study"]["title"] == "Survival in lung cancer"
    assert uses[1]["categories"] == ["demographics", "outcomes"]
    assert [(one["kind"], one["anchored"]) for one in uses[1]["entries"]] == [
        ("decision", True),
        ("computation.started", True),
        ("computation.completed", True),
    ]


def test_an_engine_of_another_operation_is_denied_and_the_denial_is_in_the_log(world):
    service, log = world.service, world.institution
    ((ann, wallet),) = world.enrol(1)
    service.post("/v1/consents", {"acts": [world.consent(ann, wallet)]}, "subject", ann, 200, **WAIT)
    cohort = service.post("/v1/cohorts", world.question(subjects=[ann]), "engine", world.wrong_engine, 200).json()
    assert cohort["permitted"] == {"count": 0, "subjects": []}
    assert [one["reason"] for one in cohort["excluded"]] == ["operation_not_registered"]
    entry = service.get(f"/v1/logs/{log}/entries/{cohort['entry']['index']}", "auditor", world.auditor)
    assert entry["document"]["facts"]["outcome"] == "deny"
    assert entry["document"]["engine"] == world.wrong_engine


def test_a_deny_of_everything_and_a_withdrawal_of_everything(world):
    service = world.service
    ((ann, wallet),) = world.enrol(1)
    deny = world.scope(effect="deny", purposes="any", conditions="any", categories="any", operations="any")
    acts = [world.consent(ann, wallet), world.consent(ann, wallet, scope=deny)]
    service.post("/v1/consents", {"acts": acts}, "subject", ann, 200, **WAIT)
    (decided,) = service.post("/v1/decisions", world.question(subjects=[ann]), "engine", world.engine, 200).json()[
        "decisions"
    ]
    assert (decided["reason"], decided["consent"]) == ("denied_by_subject", acts[1]["id"])
    everything = {
        "act": "withdrawal-of-all",
        "subject": ann,
        "id": fresh_id(),
        "deadline": int(time.time()) + HOUR,
        "signer": wallet.signer,
    }
    body = {"acts": [world.signed(everything, wallet)]}
    service.post("/v1/withdrawals/all", body, "subject", ann, 200, **WAIT)
    held = service.get(f"/v1/subjects/{ann}", "subject", ann)
    assert {one["state"] for one in held["consents"]} == {"withdrawn"}


def test_authzen_answers_in_the_words_of_the_standard(world):
    service = world.service
    (ann, wallet), (bob, _) = world.enrol(2)
    service.post("/v1/consents", {"acts": [world.consent(ann, wallet)]}, "subject", ann, 200, **WAIT)
    question = {
        "subject": {"type": "engine", "id": world.engine, "ignored": 1},
        "action": {"name": "differential-privacy"},
        "context": {"study": world.study, "categories": ["demographics"], "time": "ignored"},
        "more": True,
    }
    before = service.rows()
    for patient, allowed in ((ann, True), (bob, False)):
        body = question | {"resource": {"type": "patient", "id": patient}}
        answer = service.post("/access/v1/evaluation", body, "engine", world.engine, 200, **{"X-Request-ID": "r-1"})
        assert answer.json()["decision"] is allowed
        assert answer.headers["X-Request-ID"] == "r-1"
    body = question | {"resource": {"type": "patient", "id": ann}}
    for broken in (
        {},
        {"subject": None},
        {"resource": {"type": "patient"}},
        {"action": {"name": 7}},
        {"context": {}},
        {"action": {"name": "dancing"}},
    ):
        told = service.post("/access/v1/evaluation", body | broken if broken else {}, "engine", world.engine, 400)
        assert told.headers["Content-Type"] == "application/problem+json"
    assert service.rows() == before


def test_signers_are_added_and_removed(world):
    service = world.service
    ((ann, wallet),) = world.enrol(1)
    other = type(wallet)()
    deadline = int(time.time()) + HOUR
    common = {"subject": ann, "deadline": deadline, "signer": wallet.signer}
    addition = common | {"act": "signer-addition", "id": fresh_id(), "new_signer": other.signer, "capacity": "proxy"}
    body = {"additions": [world.signed(addition, wallet)]}
    service.post("/v1/signers", body, "subject", ann, 200, **WAIT)
    signers = service.get(f"/v1/subjects/{ann}", "subject", ann)["signers"]
    assert {(one["signer"], one["capacity"], one["active"]) for one in signers} == {
        (wallet.signer, "self", True),
        (other.signer, "proxy", True),
    }
    removal = common | {"act": "signer-removal", "id": fresh_id(), "old_signer": other.signer}
    service.post("/v1/signers", {"removals": [world.signed(removal, wallet)]}, "subject", ann, 200, **WAIT)
    signers = service.get(f"/v1/subjects/{ann}", "subject", ann)["signers"]
    assert {(one["signer"], one["active"]) for one in signers} == {(wallet.signer, True), (other.signer, False)}


def test_pages_of_entries_join_without_a_gap(world):
    service, log = world.service, world.institution
    size = service.get(f"/v1/logs/{log}", "auditor", world.auditor)["size"]
    assert size > 2
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = service.get(f"/v1/logs/{log}/entries", "auditor", world.auditor, **params)
        seen += [one["index"] for one in page["entries"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == list(range(size))
