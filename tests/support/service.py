"""A real service: embedded chain, SQLite, uvicorn on 127.0.0.1, tokens of its local issuer."""

import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass, field

import httpx
import uvicorn
from coincurve import PrivateKey

from api.app import create_app
from api.worker import protocol
from ledger.bootstrap import open_ledger
from ledger.chain.keys import address_of, sign_digest
from ledger.config import Settings
from ledger.identity.door import local_issuer
from ledger.identity.principal import Role

WAIT = {"Prefer": "wait=30"}
HOUR = 3600
TERMS_TEXT = "I agree that my data may be used for health research."


def fresh_id():
    return "0x" + secrets.token_hex(32)


@dataclass
class Wallet:
    """A patient's key, as it would lie on the patient's own device."""

    key: PrivateKey = field(default_factory=PrivateKey)

    @property
    def signer(self):
        return "0x" + address_of(self.key).hex()

    def sign(self, digest):
        return "0x" + sign_digest(self.key, bytes.fromhex(digest[2:])).hex()


class Service:
    def __init__(self, home, *, access_policy=None, **changes):
        probe = uvicorn.Config("none:none", host="127.0.0.1", port=0)
        self.socket = probe.bind_socket()
        port = self.socket.getsockname()[1]
        self.settings = Settings(home=home, port=port, anchor_seconds=0, most_body=1 << 20, most_batch=100, **changes)
        self.ledger = open_ledger(self.settings)
        app = create_app(self.ledger, access_policy=access_policy)
        config = uvicorn.Config(
            app, http=protocol(), log_config=None, access_log=False, server_header=False, proxy_headers=False
        )
        self.server = uvicorn.Server(config)
        self.ledger.start()
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.issuer = local_issuer(self.settings)
        for _ in range(1_200):
            if self.server.started and self.http.get("/readyz").status_code == 200:
                return
            time.sleep(0.05)
        raise AssertionError(self.http.get("/readyz").text)

    def close(self):
        self.http.close()
        self.server.should_exit = True
        self.thread.join()
        self.ledger.close()
        self.socket.close()

    def token(self, role, sub, **changes):
        fields = {"now": int(time.time()), "seconds": HOUR} | changes
        return self.issuer.issue(Role(role), bytes.fromhex(sub[2:]), **fields)

    def as_(self, role, sub, **headers):
        return {"Authorization": f"Bearer {self.token(role, sub)}", **headers}

    def post(self, path, body, role, sub, status=None, **headers):
        answer = self.http.post(path, json=body, headers=self.as_(role, sub) | headers)
        if status is not None:
            assert answer.status_code == status, answer.text
        return answer

    def get(self, path, role, sub, status=200, **params):
        answer = self.http.get(path, headers=self.as_(role, sub), params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    def rows(self):
        """The number of rows of every table that a request could write."""
        with sqlite3.connect(f"file:{self.settings.home / 'ledger.sqlite'}?mode=ro", uri=True) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            still = {"block", "cursor", "lease", "sqlite_sequence", "revocation", "revocation_cursor"}
            return {
                name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                for name in names
                if name not in still
            }


@dataclass
class World:
    """A service with an institution, an approved study, an engine and a few subjects."""

    service: Service
    institution: str
    reviewer: str
    study: str
    engine: str
    wrong_engine: str
    terms: str
    steward: str = field(default_factory=fresh_id)
    auditor: str = field(default_factory=fresh_id)

    def scope(self, **changes):
        return {
            "effect": "permit",
            "recipient": "any",
            "purposes": ["health-research"],
            "conditions": [],
            "categories": ["demographics", "outcomes"],
            "operations": ["differential-privacy"],
            "validity": {"from": 0, "until": None},
            "terms": self.terms,
        } | changes

    def enrol(self, count):
        wallets = [Wallet() for _ in range(count)]
        body = {"enrolments": [{"signer": wallet.signer} for wallet in wallets]}
        answer = self.service.post("/v1/subjects", body, "institution", self.institution, 200, **WAIT).json()
        assert [item["state"] for item in answer["items"]] == ["sealed"] * count
        return [(item["subject"], wallet) for item, wallet in zip(answer["items"], wallets, strict=True)]

    def consent(self, subject, wallet, **changes):
        now = int(time.time())
        act = {
            "act": "consent",
            "subject": subject,
            "id": fresh_id(),
            "version": 1,
            "scope": self.scope(),
            "issued_at": now,
            "deadline": now + HOUR,
            "signer": wallet.signer,
        } | changes
        return self.signed(act, wallet)

    def withdrawal(self, subject, consent, wallet):
        return self.signed({"act": "withdrawal", "subject": subject, "id": consent, "signer": wallet.signer}, wallet)

    def signed(self, act, wallet):
        described = self.service.post("/v1/typed-data", act, "subject", act["subject"], 200).json()
        return {name: value for name, value in act.items() if name != "act"} | {
            "signature": wallet.sign(described["digest"])
        }

    def question(self, **changes):
        return {
            "study": self.study,
            "operation": "differential-privacy",
            "categories": ["demographics", "outcomes"],
        } | changes


def build_world(service):
    steward = fresh_id()

    def post(path, body, role, sub):
        answer = service.post(path, body, role, sub, 200, **WAIT).json()
        assert [item["state"] for item in answer["items"]] == ["sealed"], answer
        return answer

    institution = post("/v1/institutions", {"name": "Sundown Hospital"}, "steward", steward)["id"]
    reviewer = post("/v1/reviewers", {"name": "Ethics board"}, "steward", steward)["id"]
    body = {"text": TERMS_TEXT, "version": 1, "language": "en"}
    terms = post("/v1/terms", body, "steward", steward)["hash"]
    proposal = {
        "title": "Survival in lung cancer",
        "uses": ["biomedical"],
        "conditions": [],
        "required_terms": 1,
        "ethics": fresh_id(),
        "ethics_until": int(time.time()) + 1000 * HOUR,
    }
    study = post("/v1/studies", proposal, "institution", institution)["id"]
    post(f"/v1/studies/{study}/approvals", {}, "reviewer", reviewer)
    post(f"/v1/studies/{study}/state", {"to": "active"}, "institution", institution)
    operations = {"name": "OpenDP", "operations": ["differential-privacy"]}
    engine = post("/v1/engines", operations, "institution", institution)["id"]
    operations = {"name": "Synthesizer", "operations": ["synthetic-data"]}
    wrong = post("/v1/engines", operations, "institution", institution)["id"]
    return World(service, institution, reviewer, study, engine, wrong, terms, steward=steward)
