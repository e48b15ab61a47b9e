"""What the commands share: the settings of this process, a ledger to look into, and reading ids."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ledger.config import Settings

if TYPE_CHECKING:
    from ledger.bootstrap import Ledger

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def settings() -> Settings:
    """The settings, from the environment."""
    return Settings.read(os.environ, Path.cwd())


@contextmanager
def opened(*, writable: bool = False) -> Iterator["Ledger"]:
    """The ledger of this machine; by default only read, so that a running service is not disturbed."""
    from ledger.bootstrap import open_ledger

    with open_ledger(settings(), writable=writable) as ledger:
        yield ledger
