"""Consents as FHIR over HTTP: created in two steps, found, read, and refused with the element at fault."""

import json

import pytest

from ledger.fhir.read import form_of, read
from tests.support.service import HOUR, WAIT, fresh_id
from tests.unit.fhir.cases import actor, purpose, r4, r5

SIGNED = "urn:consentry:fhir:signed"
R5 = {"Accept": "application/fhir+json; fhirVersion=5.0"}


def parts_of(answer):
    """The acts to sign: (expression, act, digest)."""
    acts = [one["part"] for one in answer["parameter"] if one["name"] == "act"]
    return [tuple(part["valueString"] for part in parts) for parts in acts]


def signed(resource, parts, wallet):
    """The resource with its acts, signed, in our extension."""
    extensions = [
        {"url": SIGNED, "valueString": json.dumps(json.loads(act) | {"signature": wallet.sign(digest)})}
        for _, act, digest in parts
    ]
    return resource | {"extension": extensions}


def post(world, resource, subject, status, **headers):
    path = f"/fhir/Consent?terms={world.terms}"
    answer = world.service.post(path, resource, "subject", subject, status, **headers)
    assert answer.headers["content-type"].startswith("application/fhir+json")
    check(answer.json(), "5.0" in answer.headers["content-type"])
    return answer


def check(resource, r5=False):
    """A library of others takes it."""
    release = "fhir.resources" if r5 else "fhir.resources.R4B"
    models = pytest.importorskip(release)
    models.get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def find(world, subject, role="subject", who=None, accept="*/*", **params):
    headers = world.service.as_(role, who or subject, Accept=accept)
    answer = world.service.http.get("/fhir/Consent", headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    check(answer.json(), "5.0" in answer.headers["content-type"])
    return answer.json()


def test_a_resource_becomes_a_consent_that_decides(world):
    ((ann, wallet),) = world.enrol(1)
    resource = r4({"type": "permit", "purpose": purpose("HRESCH")})
    asked = post(world, resource, ann, 200).json()
    parts = parts_of(asked)
    assert [expression for expression, _, _ in parts] == ["Consent.provision"]
    act = json.loads(parts[0][1])
    assert act["form"] == "0x" + form_of(resource).hex()
    assert act["scope"]["purposes"] == ["health-research"]
    # The digest is the one that a wallet computes.
    assert world.service.post("/v1/typed-data", act, "subject", ann, 200).json()["digest"] == parts[0][2]

    answer = post(world, signed(resource, parts, wallet), ann, 201, **WAIT)
    made = answer.json()
    assert made["id"] == act["id"][2:]
    assert made["meta"] == {"versionId": "1"}
    held = world.service.http.get(answer.headers["location"], headers=world.service.as_("subject", ann))
    assert held.json() == made
    assert held.headers["etag"] == 'W/"1"'

    (decided,) = world.service.post(
        "/v1/decisions", world.question(subjects=[ann]), "engine", world.engine, 200
    ).json()["decisions"]
    assert (decided["outcome"], decided["consent"]) == ("permit", act["id"])


def test_several_consents_of_one_resource(world):
    ((ann, wallet),) = world.enrol(1)
    window = {"start": "2022-01-01", "end": "2022-12-31"}
    resource = r5("deny", {"purpose": purpose("BIORCH"), "provision": [{"dataPeriod": window}]})
    parts = parts_of(post(world, resource, ann, 200).json())
    assert len(parts) == 2
    bundle = post(world, signed(resource, parts, wallet), ann, 201, **WAIT, **R5).json()
    assert [one["resource"]["decision"] for one in bundle["entry"]] == ["deny", "deny"]
    found = find(world, ann)
    assert (found["type"], found["total"]) == ("searchset", 2)
    effects = [read(one["resource"]).drafts[0].native.scope.effect for one in found["entry"]]
    assert sorted(effects) == [1, 2]


def test_what_is_found_reads_back_as_what_is_held(world, ann):
    subject, _, consent = ann
    for accept in ("*/*", "application/fhir+json; fhirVersion=4.0", R5["Accept"]):
        found = find(world, subject, accept=accept)
        (entry,) = found["entry"]
        assert ("decision" in entry["resource"]) is ("5.0" in accept)
        native = read(entry["resource"]).drafts[0].native
        assert "0x" + native.id.hex() == consent["id"]
        assert "0x" + native.subject.hex() == subject
        assert native.terms_version == 1
    assert find(world, subject, _id=consent["id"][2:])["total"] == 1
    assert find(world, subject, _id="0" * 64) == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
        "link": [{"relation": "self", "url": found["link"][0]["url"] + "?_id=" + "0" * 64}],
    }


@pytest.mark.parametrize("form", ["{}", "Patient/{}", "Patient/{hex}", "{hex}"])
def test_a_custodian_and_an_auditor_name_the_patient(world, ann, form):
    subject = ann[0]
    named = form.format(subject, hex=subject[2:])
    for role, who in (("institution", world.institution), ("auditor", world.auditor)):
        assert find(world, subject, role, who, patient=named)["total"] == 1
    found = find(
        world, subject, "auditor", world.auditor, **{"patient:identifier": f"urn:consentry:fhir:subject|{subject}"}
    )
    assert found["total"] == 1


def test_nobody_sees_the_consents_of_another(world, ann):
    subject, _, consent = ann
    other = fresh_id()
    for role, who, status in (
        ("subject", other, 404),
        ("institution", other, 404),
        ("engine", world.engine, 403),
        ("reviewer", other, 403),
    ):
        headers = world.service.as_(role, who)
        for path in ("/fhir/Consent", f"/fhir/Consent/{consent['id'][2:]}"):
            answer = world.service.http.get(path, headers=headers, params={"patient": subject})
            assert answer.status_code == status, answer.text
            assert answer.json()["resourceType"] == "OperationOutcome"
    answer = world.service.http.get("/fhir/Consent")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "params",
    [
        {"status": "active"},
        {"patient": "Patient/1"},
        {"patient": ""},
        {"_count": "0"},
        {"_count": "1001"},
        {"_id": "x"},
    ],
    ids=str,
)
def test_a_search_that_is_not_understood(world, ann, params):
    answer = world.service.http.get("/fhir/Consent", headers=world.service.as_("subject", ann[0]), params=params)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "invalid")


def test_an_auditor_must_say_whose(world):
    answer = world.service.http.get("/fhir/Consent", headers=world.service.as_("auditor", world.auditor))
    assert answer.status_code == 400
    assert "patient" in answer.json()["issue"][0]["details"]["text"]


def test_pages_of_a_search(world):
    ((ann, wallet),) = world.enrol(1)
    acts = [world.consent(ann, wallet) for _ in range(3)]
    world.service.post("/v1/consents", {"acts": acts}, "subject", ann, 200, **WAIT)
    seen, page = [], find(world, ann, _count=2)
    while True:
        seen += [one["resource"]["id"] for one in page["entry"]]
        further = [one["url"] for one in page["link"] if one["relation"] == "next"]
        if not further:
            break
        page = world.service.http.get(further[0], headers=world.service.as_("subject", ann)).json()
    assert seen == sorted(act["id"][2:] for act in acts)


@pytest.mark.parametrize(
    ("resource", "expression"),
    [
        (r4({"type": "permit"}), "Consent.provision"),
        (r4({"type": "permit", "purpose": purpose("HRESCH")}, status="proposed"), "Consent.status"),
        (r4({"type": "permit", "purpose": purpose("HRESCH")}, modifierExtension=[{"url": "urn:x"}]),
         "Consent.modifierExtension"),
        (r4({"type": "deny", "data": [{"meaning": "instance"}]}), "Consent.provision.data"),
        (r5("permit"), "Consent.decision"),
        ({"resourceType": "Patient"}, "Consent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_resource_that_cannot_be_said_is_refused_at_its_element(world, ann, unwritten, resource, expression):
    outcome = post(world, resource, ann[0], 422).json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert expression in {place for issue in outcome["issue"] for place in issue["expression"]}


def test_a_body_that_is_no_resource(world, ann, unwritten):
    service, headers = world.service, world.service.as_("subject", ann[0])
    for body in (b"", b"[]", b"{", b'{"a": 1, "a": 2}', b"[" * 500, b'{"resourceType": "Consent", "id": NaN}'):
        answer = service.http.post("/fhir/Consent", content=body, headers=headers)
        assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome"), body
    assert service.http.post("/fhir/Consent", content=b" " * (2 << 20), headers=headers).status_code == 413


def test_acts_that_say_something_else_are_refused(world, unwritten_but):
    subject, wallet, resource, parts = unwritten_but
    whole = signed(resource, parts, wallet)
    wider = r4({"type": "permit", "purpose": purpose("HRESCH", "TREAT")})
    for sent, words in (
        (wider | {"extension": whole["extension"]}, "form"),
        (resource | {"extension": whole["extension"] * 2}, "do not say"),
        (resource | {"extension": [{"url": SIGNED, "valueString": "{}"}]}, "malformed"),
        (resource | {"extension": [{"url": SIGNED}]}, "valueString"),
    ):
        outcome = post(world, sent, subject, 400).json()
        assert words in outcome["issue"][0]["details"]["text"]
    act = json.loads(parts[0][1])
    forged = act | {"scope": act["scope"] | {"purposes": "any"}, "signature": wallet.sign(parts[0][2])}
    sent = resource | {"extension": [{"url": SIGNED, "valueString": json.dumps(forged)}]}
    assert "do not say" in post(world, sent, subject, 400).json()["issue"][0]["details"]["text"]
    badly = act | {"signature": "0x" + "11" * 65}
    sent = resource | {"extension": [{"url": SIGNED, "valueString": json.dumps(badly)}]}
    assert post(world, sent, subject, 400).json()["issue"][0]["code"] == "invalid"


@pytest.fixture
def unwritten_but(world):
    """A subject with a resource to sign; fails the test if anything is written after that."""
    ((subject, wallet),) = world.enrol(1)
    resource = r4({"type": "permit", "purpose": purpose("HRESCH")})
    parts = parts_of(post(world, resource, subject, 200).json())
    before = world.service.rows()
    yield subject, wallet, resource, parts
    assert world.service.rows() == before


def test_a_text_that_is_not_named_must_be(world, ann):
    resource = r4({"type": "permit", "purpose": purpose("HRESCH")})
    outcome = world.service.post("/fhir/Consent", resource, "subject", ann[0], 422).json()
    assert "which published text" in outcome["issue"][0]["details"]["text"]


def test_the_address_of_a_published_text_names_it(world, ann):
    """As long as one address means one text: else the caller must say which was shown."""
    service = world.service
    uri = "https://example.org/forms/" + fresh_id()
    resource = r4({"type": "permit", "purpose": purpose("HRESCH")}, policy=[{"uri": uri}])
    for version, status in ((1, 200), (2, 422)):
        body = {"text": f"Form {uri}, version {version}", "version": version, "language": "en", "uri": uri}
        published = service.post("/v1/terms", body, "steward", world.steward, 200, **WAIT).json()
        asked = service.post("/fhir/Consent", resource, "subject", ann[0], status).json()
        if status == 200:
            assert json.loads(parts_of(asked)[0][1])["scope"]["terms"] == published["hash"]


def test_the_caller_says_who_a_reference_is_and_what_a_deny_means(world, ann):
    service, path = world.service, f"/fhir/Consent?terms={world.terms}"
    resource = r4({"type": "deny", "provision": [
        {"type": "permit", "purpose": purpose("HRESCH"), "actor": [actor("Organization/1")]}]})  # fmt: skip
    refused = service.post(path, resource, "subject", ann[0], 422).json()
    at = {issue["expression"][0] for issue in refused["issue"] if issue["severity"] == "error"}
    assert at == {"Consent.provision.provision[0].actor[0].reference"}
    path += f"&reference=Organization/1=institution:{world.institution}"
    refused = service.post(path, resource, "subject", ann[0], 422).json()
    assert {"Consent.provision"} <= {issue["expression"][0] for issue in refused["issue"]}
    asked = service.post(path + "&deny_is_default=true", resource, "subject", ann[0], 200).json()
    ((_, act, _),) = parts_of(asked)
    assert json.loads(act)["scope"]["recipient"] == {"institution": world.institution}
    for wrong in (
        "&reference=x",
        "&reference=x=hospital:0x12",
        "&deny_is_default=true&signer=0x1",
        "&deny_is_default=perhaps",
    ):
        assert service.post(path + wrong, resource, "subject", ann[0], 400).json()["issue"]


def test_the_same_key_again_is_the_same_answer(world):
    ((ann, wallet),) = world.enrol(1)
    resource = r4({"type": "deny"})
    sent = signed(resource, parts_of(post(world, resource, ann, 200).json()), wallet)
    key = {"Idempotency-Key": fresh_id()}
    first, again = (post(world, sent, ann, 201, **WAIT, **key) for _ in range(2))
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert find(world, ann)["total"] == 1


def test_staff_record_a_paper_form_by_its_hash(world):
    from tests.support.service import Wallet

    service = world.service
    staff = Wallet()
    (ann, wallet), *_ = world.enrol(1)
    addition = {
        "act": "signer-addition",
        "subject": ann,
        "id": fresh_id(),
        "new_signer": staff.signer,
        "capacity": "staff",
        "form": fresh_id(),
        "deadline": world.consent(ann, wallet)["deadline"] + HOUR,
        "signer": wallet.signer,
    }
    service.post("/v1/signers", {"additions": [world.signed(addition, wallet)]}, "subject", ann, 200, **WAIT)
    resource = r4({"type": "deny"})
    path = f"/fhir/Consent?terms={world.terms}&patient={ann}&signer={staff.signer}"
    asked = service.post(path, resource, "institution", world.institution, 200).json()
    service.post(path, signed(resource, parts_of(asked), staff), "institution", world.institution, 201, **WAIT)
    (decided,) = service.post("/v1/decisions", world.question(subjects=[ann]), "engine", world.engine, 200).json()[
        "decisions"
    ]
    assert decided["reason"] == "denied_by_subject"
    # Two keys can sign now: who is to must be said.
    unsaid = f"/fhir/Consent?terms={world.terms}&patient={ann}"
    assert service.post(unsaid, resource, "institution", world.institution, 400).json()["issue"][0]["code"] == "invalid"


def test_the_capabilities(world):
    statement = world.service.http.get("/fhir/metadata").json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    assert world.service.http.get("/fhir/metadata", headers=R5).json()["fhirVersion"] == "5.0.0"
    wrong = world.service.http.get("/fhir/metadata", headers={"Accept": "application/fhir+json; fhirVersion=3.0"})
    assert wrong.status_code == 400
    check(statement)
