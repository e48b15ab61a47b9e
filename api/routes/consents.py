"""Acts that subjects signed: consents, withdrawals, signers. The signature decides; the token only opens the door."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi import Body as Payload

from api.deps import Anybody, ConsentWriter, Held, Ports, answer
from api.reading import BoundedRoute
from api.schemas.acts import Consents, SignerChanges, TypedDataAnswer, Unsigned, Withdrawals, WithdrawalsOfAll
from api.schemas.base import Hash
from api.schemas.items import ItemAnswer, ItemsAnswer, item_json
from api.schemas.passkeys import request_options
from api.writing import Made, Write
from ledger.domain.acts import Act
from ledger.domain.identifiers import to_hex
from ledger.errors import ConsentryError, NotFound, TooLarge
from ledger.services.context import Context
from ledger.services.submit import ADDRESS_BYTES, submit

router = APIRouter(tags=["consents"], route_class=BoundedRoute)


@router.post("/v1/typed-data", response_model=TypedDataAnswer)
def typed_data(body: Annotated[Unsigned, Payload(discriminator="act_")], _: Anybody, ledger: Held) -> Response:
    """The EIP-712 document of an act, for a wallet to show and sign, and its digest. Nothing is kept.

    Where the signer is a passkey, ``webauthn`` is what to ask the browser (``navigator.credentials.get``): the digest
    is the challenge. The browser's answer goes into the act as ``{"signature": {"webauthn": {...}}}``.
    """
    act = body.act()
    digest = ledger.chain.domains.digest(act)
    keys = ledger.context.passkeys
    asked = None
    if body.signer[:ADDRESS_BYTES] == keys.verifier:
        asked = request_options(keys.party, digest, [one for one in keys.of(body.subject) if one.signer == body.signer])
    return answer(
        {"digest": to_hex(digest), "typed_data": ledger.chain.domains.typed_data(act), "webauthn": asked},
    )


@router.post("/v1/consents", status_code=202, response_model=ItemsAnswer)
async def record_consents(body: Consents, who: ConsentWriter, ports: Ports, write: Write) -> Response:
    """Record signed consents: all of them, or none."""
    return await write.run(who, lambda _: Made(submit(ports, _acts(ports, body.acts))))


@router.post("/v1/withdrawals", status_code=202, response_model=ItemsAnswer)
async def withdraw(body: Withdrawals, who: ConsentWriter, ports: Ports, write: Write) -> Response:
    """End consents. It counts against new uses from this answer on, before the chain has it."""
    return await write.run(who, lambda _: Made(submit(ports, _acts(ports, body.acts))))


@router.post("/v1/withdrawals/all", status_code=202, response_model=ItemsAnswer)
async def withdraw_all(body: WithdrawalsOfAll, who: ConsentWriter, ports: Ports, write: Write) -> Response:
    """End every consent of a subject. It counts against new uses from this answer on."""
    return await write.run(who, lambda _: Made(submit(ports, _acts(ports, body.acts))))


@router.post("/v1/signers", status_code=202, response_model=ItemsAnswer)
async def change_signers(body: SignerChanges, who: ConsentWriter, ports: Ports, write: Write) -> Response:
    """Add and remove the keys that may act for a subject."""
    changes = [*body.additions, *body.removals]
    return await write.run(who, lambda _: Made(submit(ports, _acts(ports, changes))))


@router.get("/v1/acts/{digest}", response_model=ItemAnswer)
def read_act(digest: Annotated[Hash, Path(description="as a write answered it")], _: Anybody, ports: Ports) -> Response:
    """How far an accepted act has come."""
    item = ports.outbox.item(digest)
    if item is None:
        raise NotFound(f"there is no act {to_hex(digest)}; it was never accepted here")
    return answer(item_json(item))


def _acts(ports: Context, bodies: Sequence[Unsigned | object]) -> list[Act]:
    if len(bodies) > ports.limits.most_batch:
        raise TooLarge(f"{len(bodies)} acts in one request; at most {ports.limits.most_batch} are accepted")
    acts: list[Act] = []
    for index, body in enumerate(bodies):
        try:
            acts.append(body.act())  # type: ignore[attr-defined]
        except ConsentryError as problem:
            problem.index = index
            raise
    return acts
