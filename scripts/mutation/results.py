"""What was found: a file of JSON lines, which later runs go on from, and its report."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from mutation.operators import Mutant, mutants
from mutation.trials import Verdict

Results = dict[Mutant, Verdict]


def read(path: Path) -> Results:
    """What earlier runs found, the last word on each mutant."""
    found = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            word, by = fields.pop("verdict"), fields.pop("by")
            mutant = Mutant(**fields)
            found[mutant] = Verdict(mutant, word, by)
    return found


def line_of(verdict: Verdict) -> str:
    """A verdict as a line of the file."""
    return json.dumps({**asdict(verdict.mutant), "verdict": verdict.word, "by": verdict.by}) + "\n"


def report(results: Mapping[Mutant, Verdict], sources: Sequence[str], explained: str) -> int:
    """Prints a row for each source, then each survivor that is not explained; returns how many those are.

    An explanation explains one survivor: where a line stands in several places, there must be one for each.
    """
    print("| source | mutants there are | tried | killed | do not compile | survive |\n|---|---|---|---|---|---|")
    unexplained = []
    alike: Counter[str] = Counter()
    for source in sources:
        there_are = list(mutants(source))
        tried = [results[mutant] for mutant in there_are if mutant in results]
        tally = Counter(verdict.word for verdict in tried)
        columns = (len(there_are), len(tried), tally["killed"], tally["uncompiled"], tally["survived"])
        print(f"| `{source}` | {' | '.join(map(str, columns))} |")
        for mutant in (verdict.mutant for verdict in tried if verdict.word == "survived"):
            alike[str(mutant)] += 1
            if alike[str(mutant)] > explained.count(str(mutant)):
                unexplained.append(mutant)
    for mutant in unexplained:
        print(f"survived, not explained: {mutant} (line {mutant.line + 1})")
    return len(unexplained)
