"""The feed of revocations, and webhooks."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.base import Answer, Body, Seconds
from ledger.domain.identifiers import to_hex
from ledger.domain.revocation import Webhook


class RevocationAnswer(Answer):
    """What may take a permit back. Told when accepted, when it begins to count, and when the chain has it."""

    number: int
    stage: Literal["accepted", "confirmed", "refused"]
    act: Literal["withdrawal", "withdrawal-of-all", "denial", "amendment", "erasure"]
    subject: str
    consent: str | None = Field(description="null: all consents of the subject")
    digest: str | None = Field(description="the act; null where it was read from the chain")
    block: int | None = Field(description="the block by which the chain has it")
    at: Seconds


class RevocationsAnswer(Answer):
    """Lines of the feed, and where to go on."""

    revocations: list[RevocationAnswer]
    next: int


class WebhookBody(Body):
    """Where to send the feed."""

    url: str = Field(max_length=2_048, description="https, and not into a private network unless the service allows it")
    after: int | None = Field(default=None, ge=0, lt=1 << 63, description="default: what comes from now on")


class ReplayBody(Body):
    """Where to start again."""

    after: int = Field(ge=0, lt=1 << 63)


class WebhookAnswer(Answer):
    """A webhook. Dead: it failed too often, and is not tried again before a replay is asked for."""

    id: str
    url: str
    state: Literal["active", "dead"]
    after: int
    failures: int
    error: str
    created_at: Seconds


class WebhooksAnswer(Answer):
    """The caller's webhooks."""

    webhooks: list[WebhookAnswer]


def webhook_json(hook: Webhook) -> dict[str, Any]:
    """The JSON form of a webhook."""
    return {
        "id": to_hex(hook.id),
        "url": hook.url,
        "state": "dead" if hook.dead else "active",
        "after": hook.after,
        "failures": hook.failures,
        "error": hook.error,
        "created_at": hook.created_at,
    }
