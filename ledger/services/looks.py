"""Signed looks: an answer on one subject as a receipt of its own, for whoever must show later what was said.

Invariant: nothing is written; what is signed is what the answer says, no more.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import POLICY_VERSION, Request
from ledger.domain.wording import request_to_json
from ledger.errors import InvalidInput
from ledger.services.answer import Answer
from ledger.services.context import LogKeys
from ledger.transparency import canonical
from ledger.transparency.keys import SigningKey
from ledger.transparency.look_receipt import issue_look

MOST_REQUESTS: Final = 1_024
"""Requests whose hash is kept."""


_OUTCOMES: Final = {outcome: outcome.name.lower() for outcome in Outcome}
_REASONS: Final = {reason: reason.code for reason in Reason}
"""Looked up, as to ask a member for its name takes longer than all the rest of its line."""


class LookSigner:
    """Signs them.

    Asking for the key looks at its file, so it is asked for once a second: a key may sign to the end of the second in
    which it was retired.

    Args:
        keys: The ledger's.
    """

    def __init__(self, keys: LogKeys) -> None:
        self._keys = keys
        self._key: tuple[int, SigningKey] | None = None
        self._request: tuple[Request | None, str] = (None, "")

    def sign(self, given: Answer) -> str:
        """The receipt of an answer on one subject.

        Raises:
            InvalidInput: The answer is on several.
        """
        if len(given.decisions) != 1:
            raise InvalidInput("a look is signed for one subject alone; record the decision to have it on several")
        signed = self.sign_at(given.request, given.subjects[0], given.decisions[0], given.at, given.block)
        return signed.decode("ascii")

    def sign_at(self, request: Request, subject: bytes, decision: Decision, at: int, block: Block) -> bytes:
        """As ``sign``, of what ``look_at`` told, and in ASCII."""
        held, hashed = self._request
        if held is not request:  # to find an equal one takes longer than to see that it is the same
            hashed = _hash_of(request)
            self._request = request, hashed
        return issue_look(_payload(hashed, subject, decision, at, block), self._key_at(at))

    def _key_at(self, at: int) -> SigningKey:
        held = self._key
        if held is None or held[0] != at:
            held = self._key = (at, self._keys.receipts)
        return held[1]


def _payload(request: str, subject: bytes, decision: Decision, at: int, block: Block) -> bytes:
    """The canonical bytes of a ``LookReceipt``: what is the same in many is encoded once."""
    outcome, reason = _OUTCOMES[decision.outcome], _REASONS[decision.reason]
    codes = canonical.encode(list(decision.codes)).decode() if decision.codes else "[]"
    duties = _duties(decision) if decision.obligations else "[]"
    consent = "null" if decision.consent is None else f'"0x{decision.consent.hex()}"'
    return (
        f'{{"at":{at},"block":{{"hash":"0x{block.hash.hex()}","number":{block.number}}},'
        f'"codes":{codes},"consent":{consent},"obligations":{duties},'
        f'"outcome":"{outcome}","policy":"{POLICY_VERSION}","reason":"{reason}",'
        f'"request":"{request}","subject":"0x{subject.hex()}","valid_until":{decision.valid_until},'
        f'"version":{decision.version}}}'
    ).encode()


def _duties(decision: Decision) -> str:
    listed = [{"id": duty.id, "properties": dict(duty.properties)} for duty in decision.obligations]
    return canonical.encode(listed).decode()


@lru_cache(MOST_REQUESTS)
def _hash_of(request: Request) -> str:
    return to_hex(sha256(canonical.encode(request_to_json(request))).digest())
