"""The consent policy behind the AuthZEN routes.

Subject: the engine that is to use data. Action: the operation. Resource: the patient whose data it is. Context:
``study``, ``categories`` and, where they matter, ``data_window``, ``dataset``, ``at_least_block`` and ``finalized``
(as in ``POST /v1/decisions``).
Answers are looks: no entry, no receipt; to show, not to act on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.authzen.port import Action, Entity, Question, Target, Verdict
from api.routes.decisions import engine_for
from api.schemas.decisions import obligations_json
from ledger.domain.decision import Decision
from ledger.domain.directory import Engine
from ledger.domain.events import Block
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.policy import Request
from ledger.domain.vocabulary import OPERATION_TERMS
from ledger.domain.wording import request_from_json
from ledger.errors import ConsentryError, Forbidden, InvalidInput, NotReady
from ledger.identity.principal import Principal, Role
from ledger.services.context import Context
from ledger.services.decide import look

ENGINE: Final = "engine"
PATIENT: Final = "patient"
_CONTEXT: Final = ("study", "categories", "data_window", "dataset")
_ANY_ENGINE: Final = b"\x01" * 32
"""Stands for the engine where a context is read before one is known."""


class ConsentPolicy:
    """Answers from the patients' consents.

    Args:
        ports: The ledger's.
    """

    def __init__(self, ports: Context) -> None:
        self._ports = ports

    def evaluate(self, who: Principal, questions: Sequence[Question]) -> list[Verdict]:
        """As ``Policy.evaluate``; the questions on one request are answered together, as of one block."""
        verdicts: dict[int, Verdict] = {}
        together: defaultdict[tuple[Request, int, bool], dict[bytes, list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for place, question in enumerate(questions):
            try:
                request, patient = self._read(who, question)
                block, final = _freshness(question.context)
            except NotReady:
                raise
            except ConsentryError as problem:
                verdicts[place] = Verdict(decision=False, problem=problem)
            else:
                together[request, block, final][patient].append(place)
        for (request, block, final), places in together.items():
            given = look(self._ports, request, list(places), at_least_block=block, finalized=final)
            for patient, decision in zip(given.subjects, given.decisions, strict=True):
                for place in places[patient]:
                    verdicts[place] = Verdict(decision.permitted, why(decision, given.block))
        return [verdicts[place] for place in range(len(questions))]

    def search(self, who: Principal, target: Target, question: Question, after: str, limit: int) -> list[str]:
        """As ``Policy.search``; an unknown type or id finds nothing."""
        # The context is read once, aloud: below, a candidate that makes no sense is silently not found.
        _request(question.context, _ANY_ENGINE, OPERATION_TERMS[0].name)
        _freshness(question.context)
        match target:
            case "action":
                candidates = [
                    Question(question.subject, Action(term.name), question.resource, question.context)
                    for term in OPERATION_TERMS
                ]
                names = [one.action.name for one in candidates]
            case "subject" if question.subject.type == ENGINE:
                names = self._engines(who)
                candidates = [
                    Question(Entity(ENGINE, name), question.action, question.resource, question.context)
                    for name in names
                ]
            case "resource" if question.resource.type == PATIENT:
                return self._patients(who, question, after, limit)
            case _:
                return []
        verdicts = self.evaluate(who, candidates)
        found = sorted(name for name, verdict in zip(names, verdicts, strict=True) if verdict.decision)
        return [name for name in found if name > after][:limit]

    def _read(self, who: Principal, question: Question) -> tuple[Request, bytes]:
        if question.resource.type != PATIENT:
            raise InvalidInput("resource.type must be patient: the subject whose data is to be used")
        return self._request(who, question), parse_id(question.resource.id, what="resource.id")

    def _request(self, who: Principal, question: Question) -> Request:
        if question.subject.type != ENGINE:
            raise InvalidInput("subject.type must be engine: the software that is to use the data")
        engine = engine_for(self._ports, who, parse_id(question.subject.id, what="subject.id"))
        return _request(question.context, engine, question.action.name)

    def _engines(self, who: Principal) -> list[str]:
        """The engines that the caller may ask about."""
        if who.role is Role.ENGINE:
            return [to_hex(who.id)]
        held = [fact for fact in self._ports.mirror.current("Engine") if isinstance(fact, Engine)]
        return [to_hex(engine.id) for engine in held if engine.institution == who.id]

    def _patients(self, who: Principal, question: Question, after: str, limit: int) -> list[str]:
        try:
            request = self._request(who, question)
        except (Forbidden, InvalidInput):  # the context was read before: it is the engine or the operation
            return []
        block, final = _freshness(question.context)
        subjects = self._ports.decider.view(at_least_block=block).subjects()
        given = look(self._ports, request, subjects, at_least_block=block, finalized=final)
        found = (to_hex(subject) for subject in given.permitted)
        return sorted(name for name in found if name > after)[:limit]


def _request(context: Mapping[str, Any], engine: bytes, operation: str) -> Request:
    """The request that a context describes.

    Raises:
        InvalidInput: It misses something, or a word is outside the vocabulary.
    """
    asked = {name: context[name] for name in _CONTEXT if name in context}
    return request_from_json({**asked, "engine": to_hex(engine), "operation": operation})


def _freshness(context: Mapping[str, Any]) -> tuple[int, bool]:
    """How new and how firm the answer must be.

    Raises:
        InvalidInput: Not a block number, or neither true nor false.
    """
    block, final = context.get("at_least_block", 0), context.get("finalized", False)
    if not isinstance(block, int) or isinstance(block, bool) or not 0 <= block < 1 << 63:
        raise InvalidInput("context.at_least_block must be the number of a block")
    if not isinstance(final, bool):
        raise InvalidInput("context.finalized must be true or false")
    return block, final


def why(decision: Decision, block: Block) -> dict[str, Any]:
    """The context of an answer: why, as of which block, and until when."""
    return {
        "outcome": decision.outcome.name.lower(),
        "reason": decision.reason.code,
        "consent": None if decision.consent is None else to_hex(decision.consent),
        "version": decision.version,
        "block": {"number": block.number, "hash": to_hex(block.hash)},
        "valid_until": decision.valid_until,
        "codes": list(decision.codes),
        "obligations": obligations_json(decision.obligations),
    }
