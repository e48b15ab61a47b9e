r"""Many mutants in one contract: compiling takes far longer than testing.

Of each function that a mutant changes, a changed copy stands beside it, and the function begins with the question which
of them to be (Untch, Offutt and Harrold, "Mutation analysis using mutant schemata", ISSTA 1993)::

    function cut(uint40 until) view returns (uint40) {
        if (block.coinbase == address(7)) return cut__7(until);
        return until < end ? until : end;
    }
    function cut__7(uint40 until) view returns (uint40) {
        return until <= end ? until : end;
    }

The block's coinbase decides: nothing of ours reads it, whoever runs a test chooses it, and it costs no storage. Only
functions laid out as ``forge fmt`` does are understood; a change anywhere else (a constant, a constructor) must be
compiled alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mutation.operators import Mutant

_BEGINNING = re.compile(r"( *)function (\w+)\(")
_HEADER = re.compile(r" *function \w+\((?P<takes>[^)]*)\)(?P<how>[^{]*?)(?P<gives>returns \([^{]*\)\s*)?\{")
_ATTRIBUTE = re.compile(r" (external|public|internal|private|restricted|virtual|override)\b")


@dataclass(frozen=True)
class Function:
    """Where a function stands in its source: the lines of its header, then those of its body, then ``}``."""

    name: str
    indent: str
    first: int
    body: int
    last: int


def functions(lines: Sequence[str]) -> Iterator[Function]:
    """The functions of a source that have a body of lines of their own."""
    for first, line in enumerate(lines):
        match = _BEGINNING.match(line)
        if match is None:
            continue
        indent, name = match.groups()
        body = next(number + 1 for number in range(first, len(lines)) if re.search(r"[{;]$", lines[number]))
        if lines[body - 1].endswith("{"):
            yield Function(name, indent, first, body, lines.index(indent + "}", body))


def function_around(lines: Sequence[str], line: int) -> Function | None:
    """The function whose body holds the line."""
    return next((function for function in functions(lines) if function.body <= line < function.last), None)


def can_be_joined(text: str, mutant: Mutant) -> bool:
    """Whether the mutant changes the body of a function."""
    return function_around(text.splitlines(), mutant.line) is not None


def joined(texts: Mapping[str, str], mutants: Sequence[Mutant]) -> dict[str, str]:
    """The sources with all these mutants in them, of which the coinbase chooses: mutant ``n`` (from 1), or none.

    Args:
        texts: Every source by its path under ``contracts/src``.
        mutants: Only such as ``can_be_joined``.
    """
    # What asks for the coinbase is no longer pure, nor is what calls it.
    return {
        source: re.sub(r"\bpure\b", "view", _joined(text.splitlines(), source, mutants))
        for source, text in texts.items()
    }


def _joined(lines: list[str], source: str, mutants: Sequence[Mutant]) -> str:
    questions: dict[Function, list[str]] = {}
    copies: dict[Function, list[str]] = {}
    for number, mutant in enumerate(mutants, 1):
        if mutant.source != source:
            continue
        function = function_around(lines, mutant.line)
        assert function is not None, mutant
        header = _HEADER.match("\n".join(lines[function.first : function.body]))
        assert header is not None, function
        takes = [parameter.split()[-1] for parameter in header["takes"].split(",") if parameter.strip()]
        call = f"{function.name}__{number}({', '.join(takes)})"
        act = f"return {call};" if header["gives"] else f"{{ {call}; return; }}"
        questions.setdefault(function, []).append(f"if (block.coinbase == address({number})) {act}")
        mutability = _ATTRIBUTE.sub("", " " + " ".join(header["how"].split())).strip()
        words = [f"function {function.name}__{number}({header['takes']})", "private" if function.indent else ""]
        body = [mutant.after if at == mutant.line else lines[at] for at in range(function.body, function.last)]
        copies.setdefault(function, []).extend(
            [" ".join([*words, mutability, (header["gives"] or "").strip(), "{"]), *body, "}"]
        )
    for function in sorted(questions, key=lambda function: -function.first):
        lines[function.last + 1 : function.last + 1] = copies[function]
        lines[function.body : function.body] = questions[function]
    return "\n".join(lines)


def number_at(text: str, offset: int) -> int | None:
    """The number of the mutant in whose function this byte of a joined source is."""
    found = re.findall(r"function (?:\w+__(\d+)|\w+)\(", text.encode()[:offset].decode())
    return int(found[-1]) if found and found[-1] else None
