"""Gas limits: an allowance an act, by kind and size, with room to spare.

No estimate is asked for: ``eth_estimateGas`` runs the whole batch several times over. A batch that runs out all the
same is split by the relayer, and an act alone gets the most that a transaction may have (EIP-7825).

Sources: https://eips.ethereum.org/EIPS/eip-7825 https://eips.ethereum.org/EIPS/eip-7623
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ledger.chain.transactions import MOST_GAS
from ledger.domain.accesses import count_entries
from ledger.domain.acts import (
    Act,
    Anchoring,
    ConsentAct,
    DatasetAmendment,
    DatasetRegistration,
    Enrolment,
    SignerAddition,
    SignerRemoval,
    StudyProposal,
    Withdrawal,
    WithdrawalOfAll,
)

EMPTY = 21_000
"""Gas of a transaction that does nothing."""
_BASE = 60_000
_CALLDATA_BYTE = 40  # EIP-7623's floor for a byte that is not zero
_KINDS = {
    Enrolment: 200_000,
    ConsentAct: 75_000,  # with every limit set; 49,000 without
    Withdrawal: 60_000,
    WithdrawalOfAll: 100_000,
    SignerAddition: 150_000,
    SignerRemoval: 80_000,
}
_OTHER = 400_000  # acts of the Directory: a few slots and strings
_BY_CONTRACT = 400_000  # a signer that is a contract: the P-256 check in Solidity costs about 310,000
_ASKING = 1_100_000  # what must be left, and is given back, when such a signer is asked (SignatureGate.GAS_NEEDED)
_DISEASE_CODE = 4_000
_DOCUMENT_BYTE = 16  # copied and hashed twice, and logged
_ACCESS = 800  # its call data not counted
_ACCESSES = 12_000  # the engine looked up, the event


def allowance(act: Act) -> int:
    """How much gas one act may take in a batch, its call data not counted."""
    kind = type(act)
    gas = _KINDS.get(kind, _OTHER)
    if _by_contract(act):
        gas += _BY_CONTRACT
    more = _BY_SIZE.get(kind)
    return gas if more is None else gas + more(act)


def limit(acts: Sequence[Act], data: bytes) -> int:
    """The gas limit of a transaction with these acts and this call data."""
    if len(acts) == 1:
        return MOST_GAS
    asking = _ASKING if any(map(_by_contract, acts)) else 0
    return min(MOST_GAS, _BASE + _CALLDATA_BYTE * len(data) + asking + sum(map(allowance, acts)))


def _by_contract(act: Act) -> bool:
    """Whether a contract is asked for the signature: a wallet's with 65 bytes, like an account's, cannot be told."""
    return len(getattr(act, "signature", bytes(65))) != 65


def _of_proposal(act: StudyProposal) -> int:
    return _DISEASE_CODE * sum(len(closure) + 8 for closure in act.diseases) + _DOCUMENT_BYTE * len(act.purpose)


def _of_terms(act: DatasetRegistration | DatasetAmendment) -> int:
    return _DOCUMENT_BYTE * len(act.terms)


def _of_accesses(act: Anchoring) -> int:
    return sum(_ACCESSES + _ACCESS * count_entries(group.entries) for group in act.accesses)


_BY_SIZE: Mapping[type, Callable[[Any], int]] = {
    StudyProposal: _of_proposal,
    DatasetRegistration: _of_terms,
    DatasetAmendment: _of_terms,
    Anchoring: _of_accesses,
}
