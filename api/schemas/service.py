"""What the service says of itself."""

from typing import Any

from api.schemas.base import Answer
from api.schemas.decisions import BlockAnswer


class HealthAnswer(Answer):
    """One word."""

    status: str


class ReadyAnswer(HealthAnswer):
    """And what the facts that decide take of the memory of the process that answers."""

    snapshot_mib: int


class Eip712Domain(Answer):
    """The domain that one contract's acts are signed under."""

    name: str
    version: str
    chainId: int  # noqa: N815 - EIP-712's own names
    verifyingContract: str  # noqa: N815


class DomainAnswer(Answer):
    """The chain and its contracts."""

    chain_id: int
    contracts: dict[str, str]
    first_block: int
    head: BlockAnswer
    eip712: dict[str, Eip712Domain]


class StateDigestAnswer(Answer):
    """What the copy of the chain holds after a block, in 32 bytes."""

    block: BlockAnswer
    digest: str


class JwksAnswer(Answer):
    """RFC 7517 key set."""

    keys: list[dict[str, Any]]
