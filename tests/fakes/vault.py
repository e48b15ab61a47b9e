"""The vault's ports in memory: sealed rows, erasures, and keys that a test can look into."""

import hmac
import secrets
from dataclasses import replace

from ledger.domain.erasure import Erasure
from ledger.domain.vault import WrappedKey
from ledger.errors import Conflict, NotFound, ProofInvalid, WrongState
from ledger.transparency.cohort import cohort_leaf


class MemoryVault:
    """``ports.VaultStore`` in a dictionary."""

    def __init__(self, erased) -> None:
        self.rows = {}
        self._newest = 0
        self._erased = erased

    def put(self, row):
        if row.key.version < self._newest:
            return False
        if row.subject in self._erased():
            raise WrongState("erased")
        if any(
            (o.custodian, o.index) == (row.custodian, row.index) for o in self.rows.values() if o.subject != row.subject
        ):
            raise Conflict("another has it")
        self.rows[row.subject] = row
        return True

    def get(self, subject):
        return self.rows.get(subject)

    def find(self, custodian, indexes):
        found = (row for row in self.rows.values() if row.custodian == custodian and row.index in indexes)
        return next(found, None)

    def set_newest(self, version):
        self._newest = max(version, self._newest)

    def older(self, version, limit):
        return sorted((r for r in self.rows.values() if r.key.version < version), key=lambda r: r.subject)[:limit]

    def replace(self, old, new):
        if self.rows.get(old.subject) != old:
            return False
        self.rows[old.subject] = new
        return True


class MemoryErasures:
    """``ports.ErasureStore`` over the other parts of a ``MemoryStore``."""

    def __init__(self, store) -> None:
        self._store = store
        self._held: list[Erasure] = []

    def destroy(self, subject, *, id, custodian, actor, at):
        openings = self._store.audit.erase_rows(subject)
        gone = self._store.vault.rows.pop(subject, None) is not None
        passkeys = bool(self._store.passkeys.of(subject) or self._store.passkeys.invitation(subject))
        self._store.passkeys.forget(subject)
        if self.of(subject) and not openings and not gone and not passkeys:
            return None
        number = len(self._held) + 1
        self._held.append(
            Erasure(number, id, subject, custodian, actor, at, gone, passkeys, tuple(openings), logged=False)
        )
        return self._held[-1]

    def unlogged(self, subject=None):
        return [one for one in self._held if not one.logged and subject in (None, one.subject)]

    def logged(self, erasure):
        self._held[erasure.number - 1] = replace(self._held[erasure.number - 1], openings=(), logged=True)

    def of(self, subject):
        return [one for one in self._held if one.subject == subject]

    def newest(self):
        return len(self._held)

    def subjects(self, after=0):
        return [one.subject for one in self._held[after:]]

    def scrub(self):
        """Nothing is left anywhere."""


class MemoryKeyVault:
    """``ports.KeyVault``: wraps by remembering; what it forgets nobody can unwrap."""

    def __init__(self) -> None:
        self._keys = {1: secrets.token_bytes(32)}
        self._wrapped = {}

    def versions(self):
        return sorted(self._keys)

    def wrap(self, key, context):
        handle = secrets.token_bytes(16)
        version = self.versions()[-1]
        self._wrapped[version, handle, context] = key
        return WrappedKey(version, handle)

    def unwrap(self, wrapped, context):
        self._living(wrapped.version)
        try:
            return self._wrapped[wrapped.version, wrapped.data, context]
        except KeyError:
            raise ProofInvalid("another key or context") from None

    def mac(self, version, message):
        return hmac.digest(self._living(version), message, "sha256")

    def rotate(self):
        self._keys[max(self._keys) + 1] = secrets.token_bytes(32)
        return max(self._keys)

    def destroy(self, version):
        self._keys.pop(version, None)

    def _living(self, version):
        if version not in self._keys:
            raise NotFound("destroyed")
        return self._keys[version]


def erase_rows(decisions, subject):
    """Takes a subject's rows out of ``(record, members, erased)`` triples; returns where they stood."""
    found = []
    for record, members, erased in decisions:
        for member in [one for one in members if one.subject == subject]:
            live = sorted(one.subject for one in members)
            place = [place for place in range(len(members) + len(erased)) if place not in erased][live.index(subject)]
            erased[place] = cohort_leaf(member.salt, subject, permitted=member.outcome == 1)
            members.remove(member)
            found.append((record.log, record.index))
    return found
