"""Passkeys that were registered here, and invitations to set one up."""

from typing import Protocol

from ledger.domain.passkey import Invitation, Passkey


class PasskeyStore(Protocol):
    """What the chain does not hold of passkeys: how browsers find them, and how often they signed."""

    def keep(self, passkey: Passkey) -> None:
        """Keep a new passkey; harmless when it is kept already.

        Raises:
            Replayed: Its credential id is kept for another subject or key.
        """
        ...

    def of(self, subject: bytes) -> list[Passkey]:
        """A subject's passkeys, oldest first."""
        ...

    def advance(self, credential: bytes, counter: int) -> bool:
        """Note a signature counter that was seen; False, and nothing is noted, when it does not go on."""
        ...

    def invite(self, invitation: Invitation) -> None:
        """Keep an invitation, in the place of an earlier one for the same subject."""
        ...

    def invitation(self, subject: bytes) -> Invitation | None:
        """The invitation of a subject, over or not."""
        ...

    def forget(self, subject: bytes) -> None:
        """Delete a subject's passkeys and invitation; what the passkeys signed stays as it is."""
        ...
