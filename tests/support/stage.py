"""A consortium with something to attack, and everybody who might: two institutions, a patient with consents, a log.

A ``Stage`` sends anything from anybody's account and says what came of it. What an attack may not change is read with
``untouched``.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from coincurve import PrivateKey

from ledger.chain import calldata
from ledger.chain.artifacts import error_names
from ledger.chain.decoding import decode
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of, sign_digest
from ledger.chain.node import Node, Receipt, Reverted
from ledger.chain.opening import Chain
from ledger.chain.transactions import sign
from ledger.domain import policy
from ledger.domain.acts import Act, Anchoring, SignerAddition, SignerRemoval
from ledger.domain.consent import ConsentState, live_ids
from ledger.domain.decision import Decision
from ledger.domain.events import ActRefused, Event
from ledger.domain.policy import Request
from ledger.domain.projection import World
from ledger.domain.vocabulary import FOREVER, Capacity
from tests.support.scene import NOTHING, Patient, Scene, any_scope, fresh

GAS = 8_000_000
ACTIVE = ConsentState.ACTIVE


@dataclass(frozen=True)
class Attempt:
    """What became of one transaction: its events without refusals, and why it or its act was refused."""

    receipt: Receipt
    events: tuple[Event, ...]
    refusal: str

    @property
    def changed_nothing(self) -> bool:
        return not self.events and bool(self.refusal)


class Stage:
    """The consortium, the patient who is attacked, and the keys of all who attack.

    Args:
        chain: Where it stands.
        home: The folder with the chain's keys.
    """

    def __init__(self, chain: Chain, home: Path) -> None:
        self.chain = chain
        self.node: Node = chain.node
        now = chain.reader.head().timestamp
        self.scene = Scene(chain, now).found()
        self.other = Scene(chain, now).found()
        self.victim = Patient()
        self._ring = KeyRing(home / "keys")
        self.keys = self._keys()
        self._enrol()
        self.permit = self.scene.consent(self.victim)
        self.deny = self.scene.consent(self.victim, scope=any_scope(self.scene.terms, effect=2, operations=2))
        self.ended = self.scene.consent(self.victim)
        self.scene.must(self.permit, self.deny, self.ended)
        self.end = self.scene.withdrawal(self.victim, self.ended.id)
        self.scene.must(self.end)
        head = Anchoring(log=self.scene.institution, size=1, root=fresh(), proof=(), accesses=())
        self.scene.must(chain.signer.sign(head, self.scene.institution_key))

    def _keys(self) -> dict[str, PrivateKey]:
        engine = self.world().engine(self.scene.engine)
        assert engine is not None
        return {
            "consortium": self._ring.named(CONSORTIUM),
            "relayer": self._ring.named(RELAYER),
            "custodian": self._ring.held(self.scene.institution_key),
            "other institution": self._ring.held(self.other.institution_key),
            "reviewer": self._ring.held(self.scene.reviewer_key),
            "engine": self._ring.held(engine.signer),
            "staff": PrivateKey(),
            "guardian of the past": PrivateKey(),
            "guardian to come": PrivateKey(),
            "removed proxy": PrivateKey(),
            "another patient": PrivateKey(),
            "stranger": PrivateKey(),
        }

    def _enrol(self) -> None:
        now = self.scene.now
        self.scene.must(self.scene.enrolment(self.victim))
        self.scene.must(self.scene.enrolment(Patient(key=self.keys["another patient"])))
        windows = {
            "staff": (Capacity.STAFF, 0, FOREVER),
            "guardian of the past": (Capacity.GUARDIAN, 0, now),
            "guardian to come": (Capacity.GUARDIAN, FOREVER - 1, FOREVER),
            "removed proxy": (Capacity.PROXY, 0, FOREVER),
        }
        for name, (capacity, since, until) in windows.items():
            self.scene.must(self.scene.signed(self.addition(name, capacity, since, until), self.victim))
        removal = SignerRemoval(
            subject=self.victim.subject,
            id=fresh(),
            old_signer=self.signer("removed proxy"),
            deadline=self.scene.deadline,
            signer=self.victim.signer,
        )
        self.scene.must(self.scene.signed(removal, self.victim))

    def addition(self, name: str, capacity: Capacity, since: int, until: int) -> SignerAddition:
        """The unsigned act by which the victim gives somebody authority."""
        return SignerAddition(
            subject=self.victim.subject,
            id=fresh(),
            new_signer=self.signer(name),
            capacity=capacity,
            since=since,
            until=until,
            form=b"\x0f" * 32 if capacity is Capacity.STAFF else NOTHING,
            deadline=self.scene.deadline,
            signer=self.victim.signer,
        )

    def signer(self, name: str) -> bytes:
        """The address of somebody's key."""
        return address_of(self.keys[name])

    def signed(self, act: Act, name: str) -> Act:
        """The act with a signature of somebody's key, whoever it should be signed by."""
        digest = self.chain.writer.digest(act)
        return msgspec.structs.replace(act, signature=sign_digest(self.keys[name], digest))

    def send(self, name: str, *acts: Act) -> Attempt:
        """One transaction with these acts, from somebody's own account."""
        return self.call(name, acts[0].contract, calldata.encode(acts))

    def call(self, name: str, contract: str, data: bytes) -> Attempt:
        """Any call of a contract, from somebody's own account."""
        key = self.keys[name]
        node, to = self.node, self.chain.deployment.addresses[contract]
        signed = sign(
            key,
            chain_id=node.chain_id,
            nonce=node.nonce(address_of(key)),
            gas_price=node.gas_price(),
            gas=GAS,
            to=to,
            data=data,
        )
        node.send(signed.raw)
        for _ in range(1000):  # a node mines when it does; what is awaited here is the block, not a moment
            receipt = node.receipt(signed.hash)
            if receipt is not None:
                return self._attempt(receipt, to, data, address_of(key))
            time.sleep(0.01)
        raise AssertionError(f"no block holds {signed.hash.hex()}")

    def _attempt(self, receipt: Receipt, to: bytes, data: bytes, sender: bytes) -> Attempt:
        ours = [log for log in receipt.logs if log.address != self.chain.deployment.addresses["AccessManager"]]
        events = [logged.event for log in ours if (logged := decode(log)) is not None]
        refusals = [event.reason for event in events if isinstance(event, ActRefused)]
        if not receipt.succeeded:
            try:
                self.node.call(to, data, sender=sender, gas=GAS)
            except Reverted as problem:
                refusals.append(error_names().get(problem.data[:4], "0x" + problem.data.hex()))
        kept = tuple(event for event in events if not isinstance(event, ActRefused))
        return Attempt(receipt, kept, ", ".join(refusals))

    def world(self) -> World:
        """What the events of the whole chain say."""
        world = World()
        reader = self.chain.reader
        for logged in reader.events_between(reader.first_block, reader.head().number):
            world.apply(logged.event)
        return world

    def untouched(self) -> Mapping[str, object]:
        """What nobody but the victim may change: as the events tell it, and as the contract answers."""
        world = self.world()
        decided = [
            policy.decide(request, world.setting(request), world.consents(self.victim.subject), self.scene.now)
            for request in self._questions()
        ]
        answered = self.answered()
        assert decided == answered, "the contract answers what its events say"
        return {
            "consents": [held for held in world.consents(self.victim.subject) or () if held.state is ACTIVE],
            "authority": world.authority(self.victim.subject, self.victim.signer),
            "head": world.facts.get(("Head", self.scene.institution, b"")),
            "decisions": answered,
        }

    def answered(self) -> list[Decision]:
        """What the contract itself says of the victim: the first is a permit, the second a deny."""
        return [self.ask(request) for request in self._questions()]

    def ask(self, request: Request) -> Decision:
        """The contract's answer about the victim, from the consents that the chain's events tell of."""
        subject = self.victim.subject
        consents = live_ids(self.world().consents(subject) or ())
        return self.chain.reader.decide(subject, consents, request, self.scene.now)

    def _questions(self) -> list[Request]:
        return [self.scene.request(operation=operation) for operation in (1, 2)]
