"""The service itself: is it up, which chain, which keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.requests import Request

from api.deps import Held, Ports, answer, door_of
from api.reading import BoundedRoute
from api.schemas.service import DomainAnswer, HealthAnswer, JwksAnswer, ReadyAnswer, StateDigestAnswer
from ledger.config import MIB
from ledger.domain.identifiers import to_hex
from ledger.errors import MirrorLagging, NotFound, NotReady
from ledger.transparency.keys import KeySet

router = APIRouter(tags=["service"], route_class=BoundedRoute)
PUBLIC = {"Cache-Control": "public, max-age=60"}


@router.get("/healthz", response_model=HealthAnswer)
async def healthz() -> Response:
    """The process answers. It says nothing about decisions: see /readyz."""
    return answer({"status": "ok"})


@router.get("/readyz", response_model=ReadyAnswer)
def readyz(ledger: Held) -> Response:
    """Decisions can be given now; else 503 with the reason, and callers must treat every question as denied."""
    ledger.ready()
    return answer({"status": "ready", "snapshot_mib": -(-ledger.keeper.bytes // MIB)})


@router.get("/v1/domain", response_model=DomainAnswer)
def read_domain(ledger: Held) -> Response:
    """The chain and its contracts, and the EIP-712 domains that acts are signed under."""
    chain = ledger.chain
    head = chain.reader.head()
    domains = {
        name: {
            "name": domain.title,
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": to_hex(domain.address),
        }
        for name, domain in chain.domains.by_name.items()
    }
    return answer(
        {
            "chain_id": chain.reader.chain_id,
            "contracts": {name: to_hex(address) for name, address in chain.reader.contracts.items()},
            "first_block": chain.reader.first_block,
            "head": {"number": head.number, "hash": to_hex(head.hash)},
            "eip712": domains,
        }
    )


@router.get("/v1/state-digest", response_model=StateDigestAnswer)
def read_state_digest(
    ports: Ports, block: Annotated[int | None, Query(ge=0, lt=1 << 63, description="default: the last one")] = None
) -> Response:
    """The digest of everything that the copy of the chain holds after a block.

    Two copies of one chain that agree on it agree on every fact of every block up to there.
    """
    cursor = ports.mirror.cursor()
    if cursor is None:
        raise NotReady("the copy of the chain is empty; try again in a moment")
    if block is not None and block > cursor.block.number:
        raise MirrorLagging(f"the copy stands at block {cursor.block.number}, before block {block}; try again later")
    found = [cursor] if block is None else ports.mirror.blocks_in(block, block)
    if not found:
        raise NotFound(f"the copy begins after block {block}: the contracts were deployed later")
    held = found[0]
    return answer(
        {"block": {"number": held.block.number, "hash": to_hex(held.block.hash)}, "digest": to_hex(held.digest)}
    )


@router.get("/.well-known/jwks.json", response_model=JwksAnswer)
def receipt_keys(ports: Ports) -> Response:
    """The public keys of receipts and checkpoints."""
    notes = KeySet(key.public for log in ports.audit.logs() for key in ports.log_keys.note_keys(log))
    members: dict[str, Any] = {}
    for keys in (ports.log_keys.published, notes):
        listed = keys.jwks["keys"]
        assert isinstance(listed, list)
        for member in listed:
            assert isinstance(member, dict)
            members[str(member["kid"])] = member
    return answer({"keys": list(members.values())}, headers=PUBLIC)


@router.get("/issuer/jwks.json", response_model=JwksAnswer)
def issuer_keys(request: Request) -> Response:
    """The public key of the local issuer of tokens, where there is one."""
    issuer = door_of(request).issuer
    if issuer is None:
        raise NotFound("tokens come from another issuer, which publishes its own keys")
    return answer(issuer.jwks, headers=PUBLIC)
