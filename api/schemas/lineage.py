"""Lineage: computations, what they build on, and what withdrawn data are still in."""

from pydantic import Field

from api.schemas.base import Answer


class OutputAnswer(Answer):
    """A result by its hash."""

    name: str
    sha256: str


class StepAnswer(Answer):
    """A computation that made something; its id is the leaf hash of its entry."""

    log: str
    index: int
    leaf: str
    time: int
    run: str
    study: str
    engine: str
    operation: str
    decisions: list[str]
    parents: list[str]
    outputs: list[OutputAnswer]


class LineageAnswer(Answer):
    """A computation with everything that it builds on, and everything that builds on it, in the order of time."""

    step: StepAnswer
    ancestors: list[StepAnswer]
    descendants: list[StepAnswer]


class LineagesAnswer(Answer):
    """The computations with this leaf, or that made an output with this hash."""

    found: list[LineageAnswer]


class TaintedStep(Answer):
    """A computation that a withdrawal reaches."""

    step: StepAnswer
    distance: int = Field(description="0: it counted the subject itself; else steps from such a one")
    clean: list[str] = Field(description="leaves of the nearest computations before it that are clean, latest first")


class TaintAnswer(Answer):
    """What was computed from data whose consent has been withdrawn since."""

    subject: str
    withdrawn: list[str]
    decisions: list[str]
    tainted: list[TaintedStep]
    elsewhere: int = Field(description="further ones, in logs that are not the caller's to read")
