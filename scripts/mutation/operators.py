"""What a mutant is: one operator at one place of one source.

Comments, imports and declarations without a value are left alone.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "contracts" / "src"
OPERATORS = [
    (r"(?<![<>=!])<=(?!=)", "<"),
    (r"(?<![<>=!])>=(?!=)", ">"),
    (r"(?<![<>=!])<(?![<=])", "<="),
    (r"(?<![<>=!])>(?![>=])", ">="),
    (r"==", "!="),
    (r"!=", "=="),
    (r"&&", "||"),
    (r"\|\|", "&&"),
    (r"(?<![&])&(?![&])", "|"),
    (r"(?<![|])\|(?![|=])", "&"),
    (r"(?<=[ (])!(?=[a-z_(])", ""),
    (r"(?<= )\+(?= )", "-"),
    (r"(?<= )-(?= )", "+"),
    (r"(?<!; )\+\+(?=\w)", "--"),  # but that of a loop, which would not end
    (r"<<(?!=| \(?(\d+ \* )?0\b)", ">>"),  # by nothing is the same in both directions
    (r">>(?!=)", "<<"),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"(?<=[ (])0(?=[;,) ])", "1"),
    (r"(?<=[ (])1(?=[;,) ])", "2"),
    (r"(?<= \? )(.+?) : (.+?)(?=[;,)])", r"\2 : \1"),
    (
        r"^(\s+)(emit|delete|require|_require\w*|_spend|_checkEntries|_recordAccesses)\b[^;{]*;",
        r"\1",
    ),  # a statement less
    (r"^(\s+)if \([^{]*\) return [^;]*;", r"\1"),  # a check less
    (r"^(\s+)(?:[\w.]+(?:\[[^;]*?\])*(?:\.\w+)?) (?:\||\+|-)?= [^;]*;", r"\1"),  # an assignment less
]


@dataclass(frozen=True)
class Mutant:
    """One change of one line.

    Attributes:
        source: The path of the source under ``contracts/src``.
        line: The line, counted from 0.
        before: The line without its comment.
        after: What stands in its place.
    """

    source: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.source}: `{self.before.strip()}` -> `{self.after.strip()}`"

    def applied_to(self, text: str) -> str:
        """The text of the source with the change in it."""
        lines = text.splitlines()
        lines[self.line] = self.after
        return "\n".join(lines)


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a source, each once."""
    seen = set()
    for number, line in enumerate((SRC / source).read_text(encoding="utf-8").splitlines()):
        code = line.split("//")[0].rstrip()
        if not code.strip() or re.match(r"\s*(import|using|pragma|\*|error|event|struct|mapping)\b", code):
            continue
        for pattern, replacement in OPERATORS:
            for match in re.finditer(pattern, code):
                changed = code[: match.start()] + match.expand(replacement) + code[match.end() :]
                mutant = Mutant(source, number, code, changed)
                if changed.strip() != code.strip() and mutant not in seen:
                    seen.add(mutant)
                    yield mutant


def drawn(sources: Sequence[str], seed: int, sample: int | None) -> list[Mutant]:
    """At most ``sample`` mutants of each source, in an order that gives each source its turn."""
    shuffled = []
    for source in sources:
        every = list(mutants(source))
        random.Random(f"{seed} {source}").shuffle(every)  # noqa: S311 - an order, not a secret
        shuffled.append(every[:sample])
    return [mutant for mutant in chain.from_iterable(zip_longest(*shuffled)) if mutant is not None]
