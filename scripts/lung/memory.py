"""What the job remembers between starts: the ids that it made up, and which steps are done with which figure.

Written after every step, to a temporary file that is renamed into place: a killed job goes on where it was.
"""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Memory:
    """The file ``state.json`` of the job.

    Args:
        path: Where it is.
        sites: Numbers of the institutions.
        now: Seconds UTC; kept as the time of signing, so that a resumed job signs the very same acts again.
    """

    def __init__(self, path: Path, sites: Sequence[int], now: int) -> None:
        self._path = path
        if path.exists():
            self._state: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return
        self._state = {
            "began": now,
            "institutions": {str(site): _fresh() for site in sites},
            "reviewer": _fresh(),
            "study": _fresh(),
            "engine": _fresh(),
            "dataset": _fresh(),
            "stranger": _fresh(),
            "auditor": _fresh(),
            "steward": _fresh(),
            "done": {},
            "kept": {},
        }
        self._save()

    @property
    def began(self) -> int:
        """When the job began for the first time, seconds UTC."""
        return int(self._state["began"])

    @property
    def institutions(self) -> dict[int, str]:
        """The id of each site's institution."""
        return {int(site): identity for site, identity in self._state["institutions"].items()}

    def id(self, name: str) -> str:
        """An id that was made up at the first start."""
        return str(self._state[name])

    def done(self, step: str) -> str | None:
        """The figure of a step that is done; None when it is not."""
        figure = self._state["done"].get(step)
        return None if figure is None else str(figure)

    def finish(self, step: str, figure: str) -> None:
        """A step is done."""
        self._state["done"][step] = figure
        self._save()

    def keep(self, name: str, value: Any) -> None:
        """Remember a value for later steps and starts."""
        self._state["kept"][name] = value
        self._save()

    def kept(self, name: str) -> Any:
        """A value that was remembered; None when there is none."""
        return self._state["kept"].get(name)

    def _save(self) -> None:
        write_private(self._path, json.dumps(self._state, indent=1))


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _fresh() -> str:
    return "0x" + secrets.token_hex(32)
