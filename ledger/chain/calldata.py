"""Call data of the transactions that carry acts, packed by hand.

The functions of the ConsentRegistry take arrays, so that one transaction carries many acts; all others carry one.
Selectors come from the signatures below; a test holds them equal to the artifacts.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html
"""

from collections.abc import Mapping, Sequence

from ledger.chain import abi
from ledger.chain.abi import fixed, pack, uints
from ledger.chain.hashing import keccak
from ledger.chain.packing import WRITERS
from ledger.domain.acts import (
    Act,
    ConsentAct,
    Enrolment,
    SignerAddition,
    SignerRemoval,
    Withdrawal,
    WithdrawalOfAll,
)
from ledger.domain.policy import Request
from ledger.errors import InvalidInput

_RECOVERY = "(bytes32,bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32)"
SIGNATURES: Mapping[str, str] = {
    "enrol": "enrol((bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32,uint40,bytes)[])",
    "record": "record((bytes32,bytes32,bytes32,bytes32,uint256,uint256,bytes32,uint40,bytes,bytes)[])",
    "withdraw": "withdraw((bytes32,bytes32,bytes,bytes)[])",
    "withdrawAll": "withdrawAll((bytes32,bytes32,uint40,bytes,bytes)[])",
    "addSigners": "addSigners((bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32,uint40,bytes,bytes)[])",
    "removeSigners": "removeSigners((bytes32,bytes32,bytes,uint40,bytes,bytes)[])",
    "proposeRecovery": f"proposeRecovery(({_RECOVERY},uint40,bytes))",
    "objectToRecovery": "objectToRecovery((bytes32,bytes32,bytes,bytes))",
    "completeRecovery": f"completeRecovery({_RECOVERY})",
    "admitInstitution": "admitInstitution(bytes32,string,bytes)",
    "setInstitutionState": "setInstitutionState(bytes32,uint8)",
    "nameReviewer": "nameReviewer(bytes32,string,bytes,bool)",
    "publishTerms": "publishTerms(bytes32,uint32,string,string)",
    "proposeStudy": (
        "proposeStudy((bytes32,bytes32,string,uint8,uint16,uint32,bytes32,uint40,uint32[][],bytes,uint40,bytes))"
    ),
    "registerEngine": "registerEngine((bytes32,bytes32,string,bytes,uint16,uint40,bytes))",
    "setStudyState": "setStudyState(bytes32,uint8,uint8,uint40,bytes)",
    "revokeEngine": "revokeEngine(bytes32,bytes)",
    "approveStudy": "approveStudy(bytes32,bytes32,uint40,bytes)",
    "registerDataset": "registerDataset((bytes32,bytes32,bytes,uint40,bytes))",
    "amendDataset": "amendDataset((bytes32,uint32,bytes,uint40,bytes))",
    "closeDataset": "closeDataset(bytes32,bytes)",
    "append": "append((bytes32,uint64,bytes32,bytes32[],(bytes32,bytes32,bytes)[],bytes))",
    "decide": "decide(bytes32,(bytes32,bytes32,uint16,uint32,uint40,uint40),uint40,bytes32[])",
}
SELECTORS: Mapping[str, bytes] = {name: keccak(signature.encode())[:4] for name, signature in SIGNATURES.items()}
BATCHED = frozenset({Enrolment, ConsentAct, Withdrawal, WithdrawalOfAll, SignerAddition, SignerRemoval})


def encode(acts: Sequence[Act]) -> bytes:
    """The call data of one transaction that carries ``acts``.

    Args:
        acts: At least one, all of one kind; more than one only where the function takes a batch.

    Raises:
        InvalidInput: The acts do not go together, or a field does not fit its type.
    """
    kinds = {type(act) for act in acts}
    if len(kinds) != 1:
        raise InvalidInput("one transaction carries acts of exactly one kind")
    kind = kinds.pop()
    writer = WRITERS[kind]
    if kind in BATCHED:
        arguments = pack(abi.array_of_dynamic([writer(act) for act in acts]))
    elif len(acts) == 1:
        arguments = writer(acts[0])
    else:
        raise InvalidInput(f"a {kind.__name__} needs a transaction of its own")
    return SELECTORS[acts[0].function] + arguments


def encode_decide(subject: bytes, request: Request, at: int, consents: Sequence[bytes]) -> bytes:
    """The call data of ``ConsentRegistry.decide``; ``consents`` are all live ids, ascending."""
    return SELECTORS["decide"] + pack(
        fixed(subject),
        fixed(request.study),
        fixed(request.engine),
        uints((request.operation, request.categories, request.data_from, request.data_until, at), (16, 32, 40, 40, 40)),
        abi.array_of_static([fixed(consent) for consent in consents]),
    )
