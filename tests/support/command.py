"""The command ``consentry``, run in this process as its script runs it."""

import sys

from ledger.cli.main import main


def run(monkeypatch, capsys, *arguments):
    """Exit code, standard output and standard error."""
    monkeypatch.setattr(sys, "argv", ["consentry", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err
