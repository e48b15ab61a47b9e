"""The small port that the AuthZEN routes stand on, and the values that pass through it.

A policy answers questions and searches; it does no HTTP. Invariants of every policy: what it does not know is false,
never true; a search gives the same results, in the same order, for the same state, whatever the page.

Source: https://openid.net/specs/authorization-api-1_0.html sections 5 and 8
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ledger.errors import ConsentryError
from ledger.identity.principal import Principal

Target = Literal["subject", "resource", "action"]
"""What a search looks for."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A subject or a resource; ``id`` is empty where a search looks for it."""

    type: str
    id: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done; ``name`` is empty where a search looks for it."""

    name: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a subject may do an action on a resource."""

    subject: Entity
    action: Action
    resource: Entity
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one question; ``problem`` tells why it could not be understood, and then it is false."""

    decision: bool
    context: Mapping[str, Any] = field(default_factory=dict)
    problem: ConsentryError | None = None

    def __post_init__(self) -> None:
        assert not (self.decision and self.problem), "a question that was not understood is never answered yes"


class Policy(Protocol):
    """Answers for one kind of subjects, actions and resources."""

    def evaluate(self, who: Principal, questions: Sequence[Question]) -> list[Verdict]:
        """One verdict a question, in order.

        Args:
            who: The caller, who may ask about some subjects only.
            questions: What is asked; one that makes no sense gets a verdict with a problem.

        Raises:
            NotReady: No answer can be given now; treat every question as denied.
        """
        ...

    def search(self, who: Principal, target: Target, question: Question, after: str, limit: int) -> list[str]:
        """The ids (names, for actions) that would make the question's answer true, in ascending order.

        Args:
            who: The caller.
            target: The part of the question to look for; its id or name is to be ignored.
            question: The rest.
            after: Only results greater than this.
            limit: The most results to give.

        Raises:
            InvalidInput: The question misses something without which nothing can be looked for.
            NotReady: No answer can be given now.
        """
        ...
