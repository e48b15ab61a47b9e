"""The patients' devices: each holds one subject id, one key, and the ids of the consents that it signed.

In the field these are phones and wallets, one a patient, and nobody else has the keys. Here they lie in one file of
mode 0600 under the data folder. A subject id is 32 random bytes: it says nothing of the patient.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from ledger.chain.eip712 import Domains
from ledger.chain.keys import address_of, sign_digest
from ledger.domain.acts import ConsentAct, Withdrawal
from ledger.domain.consent import ZERO_ID, Scope
from ledger.domain.wording import scope_to_json
from lung.memory import write_private

CONSENTS_EACH = 2


@dataclass(frozen=True, slots=True)
class Device:
    """One patient's: subject id, key, ids for its consents."""

    subject: bytes
    key: PrivateKey
    consents: tuple[bytes, ...]

    @property
    def hex(self) -> str:
        """The subject id as JSON has it."""
        return "0x" + self.subject.hex()

    @property
    def signer(self) -> bytes:
        """The address of the key."""
        return address_of(self.key)

    def consent(self, place: int, scope: Scope, *, issued: int, deadline: int, domains: Domains) -> dict[str, Any]:
        """A signed consent, as ``POST /v1/consents`` takes it."""
        act = ConsentAct(
            subject=self.subject,
            id=self.consents[place],
            version=1,
            scope=scope,
            form=ZERO_ID,
            issued_at=issued,
            deadline=deadline,
            signer=self.signer,
        )
        return {
            "subject": self.hex,
            "id": _hex(act.id),
            "version": act.version,
            "scope": scope_to_json(scope),
            "issued_at": issued,
            "deadline": deadline,
            "signer": _hex(self.signer),
            "signature": _hex(sign_digest(self.key, domains.digest(act))),
        }

    def withdrawal(self, place: int, domains: Domains) -> dict[str, Any]:
        """A signed withdrawal, as ``POST /v1/withdrawals`` takes it."""
        act = Withdrawal(subject=self.subject, id=self.consents[place], signer=self.signer)
        return {
            "subject": self.hex,
            "id": _hex(act.id),
            "signer": _hex(self.signer),
            "signature": _hex(sign_digest(self.key, domains.digest(act))),
        }


class Devices:
    """All devices, in the order of the patients; made at the first start, read at every other."""

    def __init__(self, path: Path, count: int) -> None:
        if not path.exists():
            fresh = [
                {
                    "subject": secrets.token_hex(32),
                    "key": secrets.token_hex(32),
                    "consents": [secrets.token_hex(32) for _ in range(CONSENTS_EACH)],
                }
                for _ in range(count)
            ]
            write_private(path, json.dumps(fresh))
        self._all = [
            Device(
                bytes.fromhex(one["subject"]),
                PrivateKey(bytes.fromhex(one["key"])),
                tuple(map(bytes.fromhex, one["consents"])),
            )
            for one in json.loads(path.read_text("utf-8"))
        ]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._all)

    def __getitem__(self, place: int) -> Device:
        return self._all[place]


def domains_of(document: dict[str, Any]) -> Domains:
    """The EIP-712 domains that ``GET /v1/domain`` tells; a device checks nothing else of the service."""
    contracts = {name: bytes.fromhex(address.removeprefix("0x")) for name, address in document["contracts"].items()}
    return Domains(document["chain_id"], contracts)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
