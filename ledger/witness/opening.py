"""A witness with its key and memory, from a folder."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.ports import Clock
from ledger.transparency.note import VerifierKey
from ledger.witness.answer import Witness
from ledger.witness.memory import WitnessMemory


def open_witness(
    folder: Path, name: str, private: Ed25519PrivateKey, logs: Sequence[VerifierKey], clock: Clock
) -> Witness:
    """A witness.

    Args:
        folder: Where its memory lies, or is made.
        name: Its name in signature lines.
        private: Its key.
        logs: The keys of the logs that it watches; several of a name after a rotation.
        clock: The time of its signatures.

    Raises:
        NotReady: The memory cannot be opened.
    """
    by_origin: dict[str, list[VerifierKey]] = defaultdict(list)
    for key in logs:
        by_origin[key.name].append(key)
    return Witness(name, private, dict(by_origin), WitnessMemory(folder / "witness.sqlite"), clock)
