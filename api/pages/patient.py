"""The patient's page: what they said yes and no to, and who used their data."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import context_of
from api.pages.choices import asking
from api.pages.proofs import Examiner
from api.pages.rendering import page
from api.pages.session import PageRoute, Patient
from api.pages.words import ConsentWords, UseWords, consent_words, use_words
from api.routes.subjects import pending_of
from ledger.domain.acts import ConsentAct, Withdrawal, WithdrawalOfAll
from ledger.domain.projection import RecoveryState
from ledger.errors import Forbidden, NotFound
from ledger.identity.principal import Role
from ledger.ports import Cursor
from ledger.services.context import Context
from ledger.services.uses import Use, uses_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
MOST_USES = 100
_ORDER = {"now": 0, "later": 1, "ended": 2, "stopped": 3}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that is under way: an answer that we have and the chain has not, or a key that somebody asked for."""

    words: str
    time: int


@router.get("/me")
def me(request: Request, who: Patient, before: Annotated[str, Query(pattern=r"^(0x[0-9a-f]{64})?$")] = "") -> Response:
    """What the signed-in patient agreed to, and who used the data: the newest uses, or those before a decision."""
    if who.role is not Role.SUBJECT:
        raise Forbidden("You are signed in, but this page is for patients.")
    context = context_of(request)
    cursor = context.mirror.cursor()
    held = None if cursor is None else context.mirror.consents_at(who.id, cursor.block.number)
    if held is None and context.passkeys.invitation(who.id) is not None:
        return RedirectResponse("/me/passkeys", 303)
    if held is None:
        raise NotFound("You are not enrolled yet. If you just were, try again in a minute.")
    now = context.clock.now()
    consents = sorted((consent_words(context, one, now) for one in held), key=_place)
    uses = uses_of(context, who.id, before=before, limit=MOST_USES + 1)
    examiners: dict[bytes, Examiner] = {}
    shown = [use_words(use, sealed=_sealed(context, use, examiners)) for use in uses[:MOST_USES]]
    return page(
        request,
        "me",
        who=who,
        consents=consents,
        asks=asking(context, list(held)),
        waiting=[*_recovery(context, who.id, now), *_waiting(context, who.id, cursor)],
        uses=shown,
        older=uses[MOST_USES - 1].record.id if len(uses) > MOST_USES else "",
        newest=not before,
        counts=_counts(consents, shown),
    )


def _place(one: ConsentWords) -> tuple[int, bool, int]:
    return _ORDER[one.state], one.yes, one.dates[0]


def _counts(consents: list[ConsentWords], uses: list[UseWords]) -> dict[str, int]:
    return {
        "yes": sum(one.yes and one.state == "now" for one in consents),
        "no": sum(not one.yes and one.state == "now" for one in consents),
        "used": sum(one.state == "used" for one in uses),
        "blocked": sum(one.state == "blocked" for one in uses),
    }


def _sealed(context: Context, use: Use, examiners: dict[bytes, Examiner]) -> bool:
    """Whether every entry about the use is proved, now, to the heads that the chain holds."""
    if use.record.log not in examiners:
        examiners[use.record.log] = Examiner(context, use.record.log)
    examiner = examiners[use.record.log]
    return bool(use.entries) and all(examiner.examine(entry).holds for entry in use.entries)


def _recovery(context: Context, subject: bytes, now: int) -> list[Waiting]:
    """A new key that the custodian asked for; the time is the one from which it can begin to count."""
    held = context.mirror.recovery(subject)
    if held is None or held.state is not RecoveryState.PENDING:
        return []
    custodian = context.mirror.institution(held.custodian)
    name = "Your hospital" if custodian is None else custodian.name
    start = "It can begin now." if now >= held.opens_at else "It can begin at the time below."
    words = f"{name} asked to give you a new key. {start} If you did not ask for this, stop it with a key you have."
    return [Waiting(words, held.opens_at)]


def _waiting(context: Context, subject: bytes, cursor: Cursor | None) -> list[Waiting]:
    """What the copy of the chain, as it was read for this page, cannot show yet: a block that came since hides none."""
    above = -1 if cursor is None else cursor.block.number
    words = "You were erased here. No choice of yours counts any more, and no new use can start."
    waiting = [Waiting(words, one.at) for one in context.erasures.of(subject)[:1]]
    for item in pending_of(context, subject, above):
        match item.act:
            case Withdrawal() | WithdrawalOfAll():
                words = "We have your stop. No new use can start from now on. It is being sealed."
            case ConsentAct():
                words = "We have your answer. It is being sealed. A yes counts once it is sealed; a no counts now."
            case _:
                continue
        waiting.append(Waiting(words, item.accepted_at))
    return waiting
