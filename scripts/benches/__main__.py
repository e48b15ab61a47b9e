"""The command behind ``scripts/bench``: runs the named benches one after the other, each in a folder of its own."""

import argparse
import importlib
import logging
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from rich.console import Console

from benches.harness import Bench, Stage, as_json, as_table

NAMES = ("consents", "mirror", "decide", "scale", "http", "cohort", "audit", "gate")


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit code: 1 when a bench failed."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure Consentry on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--quick", action="store_true", help="smaller sizes: under a minute a name")
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.names) - set(NAMES))
    if unknown:
        parser.error(f"there is no bench {', '.join(unknown)}; there are {', '.join(NAMES)}")
    logging.basicConfig(level=logging.ERROR)
    console = Console()
    failed = 0
    for name in asked.names or NAMES:
        module = importlib.import_module(f"benches.{name}")
        measure: Bench = module.measure
        title = (module.__doc__ or "").partition("\n")[0].rstrip(".")
        sys.stderr.write(f"{name}: {title}\n")
        folder = Path(tempfile.mkdtemp(prefix=f"consentry-bench-{name}-"))
        stage = Stage(folder, asked.quick)
        try:
            figures = measure(stage)
        except Exception:  # noqa: BLE001 - the other benches still have something to say
            traceback.print_exc()
            failed += 1
            continue
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if asked.json:
            sys.stdout.write(as_json(name, figures, stage.skipped) + "\n")
            sys.stdout.flush()
        else:
            as_table(console, name, title, figures, stage.skipped)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
