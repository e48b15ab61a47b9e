"""The passkeys' port in memory."""

from dataclasses import replace

from ledger.domain.passkey import counts_on
from ledger.errors import Replayed


class MemoryPasskeys:
    """``ports.PasskeyStore`` in dictionaries."""

    def __init__(self) -> None:
        self._held = {}
        self._invitations = {}

    def keep(self, passkey):
        held = self._held.setdefault(passkey.credential, passkey)
        if (held.subject, held.signer) != (passkey.subject, passkey.signer):
            raise Replayed("another has it")

    def of(self, subject):
        found = [one for one in self._held.values() if one.subject == subject]
        return sorted(found, key=lambda one: (one.added_at, one.credential))

    def advance(self, credential, counter):
        held = self._held.get(credential)
        if held is None or not counts_on(held.counter, counter):
            return False
        self._held[credential] = replace(held, counter=counter)
        return True

    def invite(self, invitation):
        self._invitations[invitation.subject] = invitation

    def invitation(self, subject):
        return self._invitations.get(subject)

    def forget(self, subject):
        self._invitations.pop(subject, None)
        self._held = {name: one for name, one in self._held.items() if one.subject != subject}
