"""Charts of cost against size, from the figures of the bench ``scale``, as SVG without a library.

Usage: scripts/bench scale --json | PYTHONPATH=scripts .venv/bin/python -m benches.charts docs/scale.svg
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 220, 56, 34, 20
PANELS = (
    ("A check, µs (median)", "check_p50_us"),
    ("A cohort: count and commitment, ms", "cohort_ms"),
    ("Memory of the process, GiB", "rss_gib"),
)
INK, LINE, FAINT = "#1d2a33", "#0b6e8a", "#d5dde2"


def main(target: str) -> None:
    """Read the bench's line from standard input and write the chart."""
    figures = next(line["figures"] for line in map(json.loads, sys.stdin) if line["bench"] == "scale")
    Path(target).write_text(draw(figures))


def draw(figures: dict[str, list[float]]) -> str:
    """The three charts beside each other."""
    sizes = figures["sizes"]
    whole = len(PANELS) * (WIDTH + GAP) + GAP
    style = f'role="img" font-family="sans-serif" font-size="11" fill="{INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {HEIGHT + 24}" {style}>',
        "<title>Cost against the number of consents</title>",
        f'<rect width="{whole}" height="{HEIGHT + 24}" fill="#ffffff"/>',
    ]
    for place, (title, key) in enumerate(PANELS):
        parts.append(f'<g transform="translate({GAP + place * (WIDTH + GAP)},0)">')
        parts += _panel(title, sizes, figures[key])
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(title: str, sizes: Sequence[float], values: Sequence[float]) -> Iterator[str]:
    right, bottom = WIDTH - 14, HEIGHT - 30
    top = max(values) * 1.15
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])

    def across(size: float) -> float:
        return LEFT + (math.log10(size) - low) / (high - low) * (right - LEFT)

    def down(value: float) -> float:
        return bottom - value / top * (bottom - TOP)

    yield f'<text x="{LEFT}" y="18" font-weight="bold">{title}</text>'
    for value in (top * step / 4 for step in range(5)):
        yield f'<line x1="{LEFT}" x2="{right}" y1="{down(value):.1f}" y2="{down(value):.1f}" stroke="{FAINT}"/>'
        yield f'<text x="{LEFT - 6}" y="{down(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
    points = [(across(size), down(value)) for size, value in zip(sizes, values, strict=True)]
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline fill="none" stroke="{LINE}" stroke-width="2" points="{corners}"/>'
    for (x, y), size, value in zip(points, sizes, values, strict=True):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{LINE}"/>'
        yield f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{value:.3g}</text>'
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_short(size)}</text>'
    yield f'<text x="{(LEFT + right) / 2}" y="{bottom + 32}" text-anchor="middle">consents</text>'


def _short(size: float) -> str:
    return f"{size / 1e6:g} M" if size >= 1e6 else f"{size / 1e3:g} k"


if __name__ == "__main__":
    main(sys.argv[1])
