"""Passkeys: registered for a subject, invited by its custodian, and counted when they sign.

Invariants: a registered passkey has no authority of its own: an act of a signer in authority gives it, or the enrolment
that a custodian promised in an invitation; a challenge is for one subject and ends after minutes, and nothing needs to
be stored for it; a withdrawal is never refused for a counter.
"""

import hmac
from collections.abc import Sequence

from ledger.domain.acts import Act, Withdrawal, WithdrawalOfAll
from ledger.domain.passkey import Invitation, Passkey, read_registration
from ledger.domain.webauthn import RelyingParty
from ledger.errors import BadSignature, WrongState
from ledger.ports import Clock, PasskeyStore, SignatureChecker

WINDOW = 600
"""Seconds; a challenge is good in the window in which it was made and in the next."""

MOST = 64
"""Passkeys of one subject."""


class Passkeys:
    """The use cases of passkeys.

    Args:
        store: Keeps them.
        checker: Reads the counters of signatures.
        clock: Seconds UTC.
        party: The site that they are made for.
        verifier: The contract that checks them (20 bytes).
        secret: Makes challenges that nobody else can make; the same after a restart.
    """

    def __init__(
        self,
        store: PasskeyStore,
        checker: SignatureChecker,
        clock: Clock,
        party: RelyingParty,
        verifier: bytes,
        secret: bytes,
    ) -> None:
        self.party = party
        self.verifier = verifier
        self._store = store
        self._checker = checker
        self._clock = clock
        self._secret = secret

    def challenge(self, subject: bytes) -> bytes:
        """What a new passkey of this subject is to answer now, 32 bytes."""
        return self._challenge(subject, self._clock.now() // WINDOW)

    def register(self, subject: bytes, authenticator_data: bytes, client_data: bytes) -> Passkey:
        """Check and keep a new passkey.

        Args:
            subject: Whose it is; the caller may speak for it.
            authenticator_data: What the authenticator said.
            client_data: What the browser said.

        Raises:
            BadSignature: It answers another or an old challenge, or was made for another site, or by nobody.
            InvalidInput: It has no ES256 key.
            Replayed: It is registered for somebody else.
            WrongState: The subject has too many already.
        """
        now = self._clock.now()
        window = now // WINDOW
        # Each candidate fails with its own words; those of the newest are the ones to show.
        challenges = [self._challenge(subject, window), self._challenge(subject, window - 1)]
        try:
            made = read_registration(authenticator_data, client_data, challenges[0], self.party)
        except BadSignature as problem:
            try:
                made = read_registration(authenticator_data, client_data, challenges[1], self.party)
            except BadSignature:
                raise problem from None
        if len(self._store.of(subject)) >= MOST:
            raise WrongState(f"{MOST} passkeys are registered for this subject, and no more are kept")
        passkey = Passkey(made.id, subject, made.signer(self.verifier), made.counter, made.backed_up, now)
        self._store.keep(passkey)
        return passkey

    def of(self, subject: bytes) -> list[Passkey]:
        """A subject's passkeys, oldest first."""
        return self._store.of(subject)

    def invite(self, invitation: Invitation) -> None:
        """Promise to enrol a subject with the first passkey that it registers."""
        self._store.invite(invitation)

    def invitation(self, subject: bytes) -> Invitation | None:
        """The invitation of a subject; None when there is none, or it is over."""
        held = self._store.invitation(subject)
        return held if held is not None and self._clock.now() < held.ends_at else None

    def check_counters(self, acts: Sequence[Act]) -> None:
        """Note the counters of acts that passkeys signed; call it last before they are accepted.

        A counter that stands or steps back means a copied key, or signatures that overtook each other; signing again
        helps in the second case. Synced passkeys say 0 for ever, which is fine.

        Raises:
            BadSignature: A counter did not go on; ``index`` is the act's place.
        """
        for place, act in enumerate(acts):
            counter = self._checker.counter(act)
            if counter is None:
                continue
            signer, subject = getattr(act, "signer", b""), getattr(act, "subject", b"")
            held = next((one for one in self._store.of(subject) if one.signer == signer), None)
            if held is None or self._store.advance(held.credential, counter):
                continue
            if not isinstance(act, Withdrawal | WithdrawalOfAll):
                problem = BadSignature(
                    f"the passkey's counter is {counter} after {held.counter}: it was copied, or signed something "
                    f"since that arrived before; sign this again"
                )
                problem.index = place
                raise problem

    def _challenge(self, subject: bytes, window: int) -> bytes:
        return hmac.digest(self._secret, subject + window.to_bytes(8, "big"), "sha256")
