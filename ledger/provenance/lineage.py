"""What was computed from what: the computations of the logs as a graph, and what a withdrawal reaches in it.

A step is a computation that ended with results, or a model that was derived. It names its parents: leaf hashes of other
steps' entries, or the SHA-256 of their outputs, in whatever log they stand.

Invariants:

- A step is tainted when a decision that it rests on counted somebody whose consent has been withdrawn since, or when
  one of its parents is tainted: nothing that was made from withdrawn data is left out, however far down.
- A hash that several steps made stands for them all; so a parent that could be tainted is.
- Entries may come in any order, log by log; what is found does not depend on it.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.domain.audit import Kind
from ledger.domain.computation import Output, decisions_of, outputs_of, parents_of, run_of

STEPS = frozenset({Kind.COMPLETED, Kind.DERIVED})
"""The kinds of entries that make something."""


@dataclass(frozen=True, slots=True)
class Step:
    """A computation that made something.

    Attributes:
        log: The log's id, 0x-hex.
        index: Where its entry stands.
        leaf: The entry's leaf hash, 0x-hex, which is the step's id.
        time: When it ended, seconds UTC.
        run: The run that it was.
        study, engine, operation: As in the entry.
        decisions: The decisions that it rests on.
        parents: What it builds on: leaves of other steps, or hashes of their outputs.
        outputs: What it made.
    """

    log: str
    index: int
    leaf: str
    time: int
    run: str
    study: str
    engine: str
    operation: str
    decisions: tuple[str, ...]
    parents: tuple[str, ...]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Tainted:
    """A step that a withdrawal reaches.

    Attributes:
        step: The step.
        distance: 0 where it counted the subject itself; else how many steps lie between, plus one.
        clean: The nearest steps before it that are not tainted, the latest first: what can be gone back to.
    """

    step: Step
    distance: int
    clean: tuple[Step, ...]


class Lineage:
    """The steps of any number of logs."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._named: dict[str, list[str]] = defaultdict(list)
        self._children: dict[str, list[str]] = defaultdict(list)
        self._resting: dict[str, list[str]] = defaultdict(list)

    def take(self, entry: Mapping[str, Any], leaf: str) -> None:
        """Take in an entry: its document, and its leaf hash (0x-hex). Entries that make nothing add nothing."""
        if entry["kind"] not in STEPS or leaf in self._steps:
            return
        step = Step(
            log=entry["log"],
            index=entry["index"],
            leaf=leaf,
            time=entry["time"],
            run=run_of(entry),
            study=entry["study"],
            engine=entry["engine"],
            operation=entry["operation"],
            decisions=tuple(decisions_of(entry)),
            parents=tuple(parents_of(entry)),
            outputs=tuple(outputs_of(entry)),
        )
        self._steps[leaf] = step
        for output in {output.sha256 for output in step.outputs}:
            self._named[output].append(leaf)
        for parent in step.parents:
            self._children[parent].append(leaf)
        for decision in step.decisions:
            self._resting[decision].append(leaf)

    def find(self, name: str) -> list[Step]:
        """The steps with this leaf, or that made an output with this hash; in the order of time."""
        return self._all({name, *self._named.get(name, ())} & self._steps.keys())

    def parents(self, step: Step) -> list[Step]:
        """The steps that a step builds on, as far as the logs know them."""
        return self._all({found.leaf for name in step.parents for found in self.find(name)} - {step.leaf})

    def children(self, step: Step) -> list[Step]:
        """The steps that build on a step."""
        names = {step.leaf, *(output.sha256 for output in step.outputs)}
        return self._all({leaf for name in names for leaf in self._children.get(name, ())} - {step.leaf})

    def ancestors(self, step: Step) -> list[Step]:
        """Everything that a step builds on, in the order of time."""
        return self._all(self._reach([step], self.parents).keys() - {step.leaf})

    def descendants(self, step: Step) -> list[Step]:
        """Everything that builds on a step, in the order of time."""
        return self._all(self._reach([step], self.children).keys() - {step.leaf})

    def tainted(self, decisions: Collection[str]) -> list[Tainted]:
        """The steps that were made from what these decisions counted, with all that was made from them, by time.

        Args:
            decisions: Those that counted somebody whose consent has been withdrawn since.
        """
        first = [self._steps[leaf] for decision in decisions for leaf in self._resting.get(decision, ())]
        reached = self._reach(first, self.children)
        return [
            Tainted(step, reached[step.leaf], tuple(self._clean_before(step, reached))) for step in self._all(reached)
        ]

    def _all(self, leaves: Iterable[str]) -> list[Step]:
        return _in_order(self._steps[leaf] for leaf in leaves)

    def _clean_before(self, step: Step, tainted: Collection[str]) -> list[Step]:
        """The first steps that are not tainted on each way up from a tainted one, the latest first."""
        clean: dict[str, Step] = {}
        seen, waiting = {step.leaf}, [step]
        while waiting:
            for parent in self.parents(waiting.pop()):
                if parent.leaf in seen:
                    continue
                seen.add(parent.leaf)
                if parent.leaf in tainted:
                    waiting.append(parent)
                else:
                    clean[parent.leaf] = parent
        return _in_order(clean.values())[::-1]

    def _reach(self, first: Iterable[Step], onwards: Callable[[Step], list[Step]]) -> dict[str, int]:
        """Everything that is reached, by leaf, with its least distance."""
        found = {step.leaf: 0 for step in first}
        waiting = deque(found)
        while waiting:
            leaf = waiting.popleft()
            for step in onwards(self._steps[leaf]):
                if step.leaf not in found:
                    found[step.leaf] = found[leaf] + 1
                    waiting.append(step.leaf)
        return found


def _in_order(steps: Iterable[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: (step.time, step.log, step.index))


def step_json(step: Step) -> dict[str, Any]:
    """A step in JSON."""
    return {
        "log": step.log,
        "index": step.index,
        "leaf": step.leaf,
        "time": step.time,
        "run": step.run,
        "study": step.study,
        "engine": step.engine,
        "operation": step.operation,
        "decisions": list(step.decisions),
        "parents": list(step.parents),
        "outputs": [{"name": output.name, "sha256": output.sha256} for output in step.outputs],
    }


def tainted_json(one: Tainted) -> dict[str, Any]:
    """A step that a withdrawal reaches, in JSON."""
    return {"step": step_json(one.step), "distance": one.distance, "clean": [step.leaf for step in one.clean]}
