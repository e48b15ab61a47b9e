"""What a bundle shows of the commitment that a decision makes over a register of everybody who was enrolled.

The root cannot be made again: that takes the salts of everybody, and would show who was not asked about. What can be
held against the rows and the chain is everything else that the entry says of it: how many, out of how many, as of which
block, and how many of the rows came later than that, each of which has a leaf of its own.

Source: ``ledger.transparency.register``, docs/adr/0015
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.domain import events as ev
from ledger.domain.computation import mapping
from ledger.domain.identifiers import to_hex
from ledger.errors import ProofInvalid
from ledger.transparency.canonical import same
from ledger.transparency.receipt import DecisionReceipt
from ledger.transparency.register import PAGE
from ledger.verify.events import Placed


def enrolments(history: Sequence[Placed]) -> dict[bytes, int]:
    """The block (number) at which each subject of a proved history was enrolled."""
    return {placed.event.subject: placed.block for placed in history if isinstance(placed.event, ev.SubjectEnrolled)}


def check_register(
    what: str,
    found: Mapping[str, Any],
    receipt: DecisionReceipt,
    shown: Sequence[bytes],
    erased: int,
    enrolled: Mapping[bytes, int] | None,
) -> None:
    """Hold what an entry says of its commitment over a register against the decision's rows and the chain.

    Args:
        what: What is checked, for messages.
        found: What the entry says.
        receipt: The decision's receipt.
        shown: The subjects of its rows.
        erased: How many rows it has besides.
        enrolled: When they were enrolled, where that is proved.

    Raises:
        ProofInvalid: They contradict each other.
    """
    size = len(shown) + erased
    if not same(found.get("considered"), size):
        raise ProofInvalid(f"{what}: the commitment over a register is to another number of rows")
    block = mapping(found.get("block"))
    rows, leaves, number = found.get("rows"), found.get("leaves"), block.get("number")
    if type(rows) is not int or type(leaves) is not int or type(number) is not int:
        raise ProofInvalid(f"{what}: the commitment over a register says no block, rows or leaves")
    ours = block.get("hash") == to_hex(receipt.block_hash)
    if number > receipt.block_number or (number == receipt.block_number and not ours):
        raise ProofInvalid(f"{what}: the register is of another chain, or of a block after the decision's")
    later = leaves - -(-rows // PAGE)
    if rows < 0 or not 0 <= later <= size <= rows + later:
        raise ProofInvalid(f"{what}: the commitment over a register has no place for its rows")
    if enrolled is None:
        return
    late = sum(enrolled.get(subject, number + 1) > number for subject in shown)
    if not late <= later <= late + erased:
        raise ProofInvalid(f"{what}: {late} of its rows came after the register, which has leaves for {later}")
