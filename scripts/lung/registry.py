"""The steps that build the world: institutions, patients, the text, consents, the study and its engines."""

from hashlib import sha256
from typing import Any

from ledger.gate import LedgerClient, opendp
from ledger.identity.principal import Role
from lung.people import BY_NAME, DAY, LUNG_CANCER_CLOSURE, YEAR, scopes
from lung.text import CONSENT_TEXT, ETHICS_DECISION, STUDY_TITLE
from lung.world import HOSPITAL, World, expect

TERMS = sha256(CONSENT_TEXT.encode()).digest()


def admit_institutions(world: World) -> str:
    """All sites become institutions; the service makes and keeps a key for each."""
    client = world.steward

    def ids() -> set[str]:
        return {one["id"] for one in client.get("/v1/institutions")["institutions"]}

    there = ids()
    missing = [site for site, identity in world.memory.institutions.items() if identity not in there]

    def admit(site: int) -> None:
        identity = world.memory.institutions[site]
        body = {"id": identity, "name": f"NCCTG site {site}"}
        world.ensure(lambda: identity in ids(), lambda: client.post("/v1/institutions", body))

    for site in world.show.track(missing, "admitting"):
        admit(site)
    return f"{len(world.memory.institutions)} institutions"


def enrol_patients(world: World) -> str:
    """Each site enrols its patients, by the address of their device's key."""
    waiting: list[tuple[LedgerClient, list[dict[str, Any]]]] = []
    for site in world.show.track(world.patients.sites, "enrolling"):
        desk = world.institution(site)
        new = [
            {"subject": device.hex, "signer": "0x" + device.signer.hex()}
            for device in (world.devices[place] for place in world.of_site(site))
        ]

        def absent(one: dict[str, Any], desk: LedgerClient = desk) -> bool:
            return world.known(desk, f"/v1/subjects/{one['subject']}") is None

        waiting.append((desk, world.send_missing(desk, "/v1/subjects", "enrolments", new, absent)))
    for desk, items in world.show.track(waiting, "sealing"):
        world.sealed(desk, items)
    return f"{len(world.devices)} patients, each under a random id with a key of its own"


def keep_numbers(world: World) -> str:
    """Each site keeps its own numbers of its patients in the vault, and finds a patient by it."""
    for site in world.show.track(world.patients.sites, "keeping numbers"):
        desk, places = world.institution(site), world.of_site(site)
        for place in places:
            desk.put(f"/v1/subjects/{world.devices[place].hex}/local-reference", {"reference": local_number(place)})
        found = desk.post("/v1/subjects/search", {"reference": local_number(places[0])})
        expect(found["subjects"] == [world.devices[places[0]].hex], "the vault does not find a patient by number")
    return f"{len(world.devices)} local numbers, each under a key of its own"


def local_number(place: int) -> str:
    """What a site calls the patient of a row of the data."""
    return f"NCCTG-{place + 1:04d}"


def publish_text(world: World) -> str:
    """The text that is shown gets its place on the chain, by hash."""
    digest = "0x" + TERMS.hex()

    def there() -> bool:
        return any(one["hash"] == digest for one in world.steward.get("/v1/terms")["terms"])

    world.ensure(there, lambda: world.steward.post("/v1/terms", {"text": CONSENT_TEXT, "version": 1, "language": "en"}))
    return f"version 1, SHA-256 {digest[:18]}…"


def sign_consents(world: World) -> str:
    """Every patient's device signs what its patient allows; the desks carry the signed acts."""
    issued = world.memory.began
    hospital = bytes.fromhex(world.hospital[2:])
    signed = 0
    waiting: list[tuple[LedgerClient, list[dict[str, Any]]]] = []
    for site in world.show.track(world.patients.sites, "consenting"):
        desk = world.institution(site)
        acts = [
            world.devices[place].consent(
                number, scope, issued=issued, deadline=issued + 30 * DAY, domains=world.domains
            )
            for place in world.of_site(site)
            for number, scope in enumerate(
                scopes(world.kinds[place], terms=TERMS, hospital=hospital, now=issued, place=place)
            )
        ]
        signed += len(acts)

        def absent(act: dict[str, Any], desk: LedgerClient = desk) -> bool:
            state = desk.get(f"/v1/subjects/{act['subject']}")
            return act["id"] not in {one["id"] for one in (*state["consents"], *state["pending"])}

        waiting.append((desk, world.send_missing(desk, "/v1/consents", "acts", acts, absent)))
    for desk, items in world.show.track(waiting, "sealing"):
        world.sealed(desk, items)
    by_kind = {kind.name: world.kinds.count(kind.name) for kind in BY_NAME.values()}
    world.show.say(", ".join(f"{BY_NAME[name].words}: {count}" for name, count in by_kind.items()))
    return f"{signed} consents signed on {len(world.devices) - by_kind['none']} devices"


def approve_study(world: World) -> str:
    """The study is proposed with purpose and ethics reference, approved by a reviewer, and activated."""
    reviewer, study, desk = world.memory.id("reviewer"), world.memory.id("study"), world.institution(HOSPITAL)
    board = world.service.client(Role.REVIEWER, reviewer)

    def state() -> str:
        document = world.known(desk, f"/v1/studies/{study}")
        return "" if document is None else str(document["state"])

    def named() -> bool:
        return any(one["id"] == reviewer for one in world.steward.get("/v1/reviewers")["reviewers"])

    world.ensure(
        named, lambda: world.steward.post("/v1/reviewers", {"id": reviewer, "name": "Ethics committee of the NCCTG"})
    )
    proposal = {
        "id": study,
        "title": STUDY_TITLE,
        "uses": ["disease"],
        "conditions": [],
        "diseases": [[f"MONDO:{number:07d}" for number in LUNG_CANCER_CLOSURE]],
        "purpose": {
            "nonprofit": True,
            "commercial": False,
            "undertakings": ["PUB"],
            "ethics_approval": {"from": world.memory.began - DAY, "until": world.memory.began + YEAR},
        },
        "required_terms": 1,
        "ethics": "0x" + sha256(ETHICS_DECISION.encode()).hexdigest(),
        "ethics_until": world.memory.began + YEAR,
    }
    world.ensure(lambda: state() != "", lambda: desk.post("/v1/studies", proposal))
    world.ensure(lambda: state() in {"approved", "active"}, lambda: board.post(f"/v1/studies/{study}/approvals", {}))
    world.ensure(lambda: state() == "active", lambda: desk.post(f"/v1/studies/{study}/state", {"to": "active"}))
    return f"“{STUDY_TITLE}” (DUO:0000007, MONDO:0008903) is active"


def register_engines(world: World) -> str:
    """The OpenDP engine for differential privacy, and another for synthetic data alone."""
    desk = world.institution(HOSPITAL)

    def ids() -> set[str]:
        return {one["id"] for one in desk.get("/v1/engines")["engines"]}

    def register(identity: str, name: str, operation: str) -> None:
        body = {"id": identity, "name": name, "operations": [operation]}
        world.ensure(lambda: identity in ids(), lambda: desk.post("/v1/engines", body))

    name = f"OpenDP {opendp.version()}"
    register(world.memory.id("engine"), name, "differential-privacy")
    register(world.memory.id("stranger"), "Synthesiser", "synthetic-data")
    return f"{name} for differential-privacy, Synthesiser for synthetic-data"
