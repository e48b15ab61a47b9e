"""Signed looks: an answer on one subject as a receipt of its own, for whoever must show later what was said.

Invariant: nothing is written; what is signed is what the answer says, no more.
"""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from ledger.domain.identifiers import to_hex
from ledger.domain.policy import Request
from ledger.domain.wording import request_to_json
from ledger.errors import InvalidInput
from ledger.services.context import POLICY_VERSION, LogKeys
from ledger.services.decide import Answer
from ledger.transparency import canonical
from ledger.transparency.keys import SigningKey
from ledger.transparency.look_receipt import issue_look

MOST_REQUESTS: Final = 1_024
"""Requests whose hash is kept."""


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

    def sign(self, given: Answer) -> str:
        """The receipt of an answer on one subject.

        Raises:
            InvalidInput: The answer is on several.
        """
        if len(given.decisions) != 1:
            raise InvalidInput("a look is signed for one subject alone; record the decision to have it on several")
        (subject,), (decision,) = given.subjects, given.decisions
        return issue_look(
            {
                "request": _hash_of(given.request),
                "subject": to_hex(subject),
                "at": given.at,
                "outcome": decision.outcome.name.lower(),
                "reason": decision.reason.code,
                "consent": None if decision.consent is None else to_hex(decision.consent),
                "version": decision.version,
                "block": {"number": given.block.number, "hash": to_hex(given.block.hash)},
                "policy": POLICY_VERSION,
                "valid_until": decision.valid_until,
                "codes": list(decision.codes),
                "obligations": [{"id": duty.id, "properties": dict(duty.properties)} for duty in decision.obligations],
            },
            self._key_at(given.at),
        )

    def _key_at(self, at: int) -> SigningKey:
        held = self._key
        if held is None or held[0] != at:
            held = self._key = (at, self._keys.receipts)
        return held[1]


@lru_cache(MOST_REQUESTS)
def _hash_of(request: Request) -> str:
    return to_hex(sha256(canonical.encode(request_to_json(request))).digest())
