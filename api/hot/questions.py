"""What the hot routes answer: looks in place, on the event loop; large ones and records in a thread.

Invariants: the answer to a request is the one that its route in ``api.routes`` gives, byte for byte; what has to be on
record is on the disk before it is answered; whatever a database on another machine is asked is asked in a thread, so
that its slowness holds up nobody else.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from api.authzen.consent import ENGINE, PATIENT, ConsentPolicy
from api.authzen.port import Policy
from api.decision_json import recorded_json
from api.hot import forms
from api.hot.door import Route, Unusual, Work
from api.hot.words import answer_bytes, encode, evaluation_bytes, one_bytes
from ledger.bootstrap import Ledger
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import Request
from ledger.errors import InvalidInput
from ledger.identity.principal import Principal, Role
from ledger.services.context import Context
from ledger.services.decide import LEAST_SHEET, look, look_at, record
from ledger.services.looks import LookSigner

MOST_IN_PLACE: Final = 2_000
"""Subjects of a look on the event loop, which takes some milliseconds for so many."""
Known = tuple[Request, bytes, int]
"""A question on one patient: the request, the patient, and the block that the answer must have reached."""


def hot_routes(ledger: Ledger, policy: Policy) -> Mapping[str, Route]:
    """The hot routes on a ledger; the AuthZEN ones only where patients' consents answer them."""
    room = HotQuestions(ledger)
    routes: dict[str, Route] = {"/v1/decisions": room.decisions}
    if isinstance(policy, ConsentPolicy):
        routes |= {"/access/v1/evaluation": room.evaluation, "/access/v1/evaluations": room.evaluations}
    return routes


class HotQuestions:
    """The routes.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ports: Context = ledger.context
        self._local = ledger.store.local
        self._signer = LookSigner(ledger.context.log_keys)

    def decisions(self, who: Principal, body: bytes) -> Work:
        """As ``POST /v1/decisions``."""
        asked = _read(forms.read_decisions, body)
        engine = _own(who, asked.engine)
        request = forms.request_of(engine, asked.study, asked.operation, tuple(asked.categories), asked.dataset)
        subjects = forms.parse_ids(asked.subjects)
        block = forms.block_of(asked.at_least_block)
        if len(subjects) > self._ports.limits.most_batch:
            raise Unusual
        if asked.record:
            return Work(partial(self._record, request, subjects, block, asked.compact), quick=False)
        if len(subjects) == 1 and not asked.compact:
            return Work(partial(self._look_at, request, subjects[0], block, asked.receipt), self._local)
        if asked.receipt:
            raise Unusual
        return self._placed(partial(self._look, request, subjects, block, asked.compact), len(subjects))

    def evaluation(self, who: Principal, body: bytes) -> Work:
        """As ``POST /access/v1/evaluation``."""
        asked = _read(forms.read_evaluation, body)
        known = _question(who, asked.subject, asked.action, asked.resource, asked.context)
        return Work(partial(self._evaluate, known), self._local)

    def evaluations(self, who: Principal, body: bytes) -> Work:
        """As ``POST /access/v1/evaluations``, for several questions that are all answered."""
        asked = _read(forms.read_evaluations, body)
        if not 0 < len(asked.evaluations) <= self._ledger.settings.most_batch:
            raise Unusual
        known = [_part(who, asked, one) for one in asked.evaluations]
        return self._placed(partial(self._evaluate_all, known), len(known))

    def _placed(self, work: "partial[bytes]", size: int) -> Work:
        return Work(work, quick=self._local and size <= MOST_IN_PLACE)

    def _look_at(self, request: Request, subject: bytes, least: int, signed: bool) -> bytes:
        decision, at, block = look_at(self._ports, request, subject, at_least_block=least)
        body = one_bytes(subject, decision, at, block)
        if not signed:
            return body
        # A JWS is ASCII without quotes, so it needs no escapes.
        return b'%b,"receipt":"%b"}' % (body[:-1], self._signer.sign_at(request, subject, decision, at, block))

    def _look(self, request: Request, subjects: list[bytes], block: int, compact: bool) -> bytes:
        many = len(subjects) >= LEAST_SHEET
        given = look(self._ports, request, subjects, at_least_block=block, in_columns=many)
        return answer_bytes(given, compact=compact)

    def _record(self, request: Request, subjects: list[bytes], block: int, compact: bool) -> bytes:
        made = record(self._ports, self._ledger.appender, request, subjects, at_least_block=block)
        return encode(recorded_json(made, compact=compact))

    def _evaluate(self, known: Known) -> bytes:
        request, patient, least = known
        decision, _, block = look_at(self._ports, request, patient, at_least_block=least)
        return evaluation_bytes(decision, block)

    def _evaluate_all(self, known: list[Known]) -> bytes:
        together: dict[tuple[Request, int], dict[bytes, list[int]]] = {}
        for place, (request, patient, block) in enumerate(known):
            together.setdefault((request, block), {}).setdefault(patient, []).append(place)
        answers = [b""] * len(known)
        for (request, block), places in together.items():
            given = look(self._ports, request, list(places), at_least_block=block)
            for patient, decision in zip(given.subjects, given.decisions, strict=True):
                for place in places[patient]:
                    answers[place] = evaluation_bytes(decision, given.block)
        return b'{"evaluations":[%b]}' % b",".join(answers)


def _read(read: Any, body: bytes) -> Any:
    try:
        return read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise Unusual from problem


def _own(who: Principal, named: str | None) -> bytes:
    """The engine that asks for itself."""
    if who.role is not Role.ENGINE or (named is not None and named != to_hex(who.id)):
        raise Unusual
    return who.id


def _question(
    who: Principal, subject: forms.Entity, action: forms.Action, resource: forms.Entity, context: forms.Surroundings
) -> Known:
    if subject.type != ENGINE or resource.type != PATIENT:
        raise Unusual
    engine = _own(who, subject.id)
    request = forms.request_of(engine, context.study, action.name, tuple(context.categories), context.dataset)
    return request, forms.parse_ids([resource.id])[0], forms.block_of(context.at_least_block)


def _part(who: Principal, beside: forms.Part, one: forms.Part) -> Known:
    subject, action = one.subject or beside.subject, one.action or beside.action
    resource, context = one.resource or beside.resource, one.context or beside.context
    if not (subject and action and resource and context):
        raise InvalidInput("a question leaves something out that does not stand beside it either")
    return _question(who, subject, action, resource, context)
