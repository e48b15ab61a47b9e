"""Acts of FHIR resources: made ready to be signed, or signed with a staff key and sent.

The digests are computed here, from what was read here; of the ledger only its chain and addresses are taken, so that
a wrong ledger can get a signature for nothing but the consent that was read.
"""

import secrets
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from coincurve import PrivateKey

from ledger.chain.eip712 import Domains
from ledger.chain.keys import address_of, sign_digest
from ledger.domain.acts import ConsentAct
from ledger.domain.identifiers import parse_bytes, to_hex
from ledger.errors import ConfigurationError, InvalidInput
from ledger.fhir.acts import act_to_json, acts_of
from ledger.fhir.read import Reading
from ledger.gate.client import LedgerClient

SIGNING_SECONDS: Final = 7 * 86_400
WAIT_SECONDS: Final = 60


def prepared(reading: Reading, subject: bytes, signer: bytes, *, url: str, token: str) -> list[dict[str, Any]]:
    """The acts of a resource, each with the digest that is to be signed.

    Raises:
        ConsentryError: The ledger cannot be reached, or the resource cannot be signed.
    """
    with LedgerClient(url, token) as client:
        domains = _domains(client)
        acts = _acts(reading, subject, signer)
        return [{"act": act_to_json(act), "digest": to_hex(domains.digest(act))} for act in acts]


def recorded(reading: Reading, subject: bytes, key_file: Path, *, url: str, token: str) -> list[dict[str, Any]]:
    """Sign the acts of a resource, all or none, and record them; what became of each.

    Raises:
        ConsentryError: The key cannot be read, the ledger cannot be reached, or it refuses them.
    """
    key = _key(key_file)
    with LedgerClient(url, token) as client:
        domains = _domains(client)
        bodies = []
        for act in _acts(reading, subject, address_of(key)):
            signature = sign_digest(key, domains.digest(act))
            document = act_to_json(msgspec.structs.replace(act, signature=signature))
            bodies.append(
                {name: value for name, value in document.items() if name != "act"} | {"signature": to_hex(signature)}
            )
        answer = client.post("/v1/consents", {"acts": bodies}, wait=WAIT_SECONDS)
    items: list[dict[str, Any]] = answer["items"]
    refused = [item["reason"] for item in items if item["state"] == "refused"]
    if refused:
        raise InvalidInput(f"the chain refused it: {', '.join(refused)}")
    return items


def _acts(reading: Reading, subject: bytes, signer: bytes) -> list[ConsentAct]:
    if not reading.has_terms:
        raise InvalidInput("which published text was shown is not known; say it with --terms, or --text URI=HASH")
    now = int(time.time())  # noqa: TID251 - a command reads the clock
    ids = [secrets.token_bytes(32) for _ in reading.drafts]
    return acts_of(reading, subject, signer, ids=ids, issued_at=now, deadline=now + SIGNING_SECONDS)


def _domains(client: LedgerClient) -> Domains:
    said = client.get("/v1/domain")
    contracts = {
        name: parse_bytes(address, what=f"the address of {name}", size=20)
        for name, address in said["contracts"].items()
    }
    return Domains(said["chain_id"], contracts)


def _key(path: Path) -> PrivateKey:
    try:
        return PrivateKey(bytes.fromhex(path.read_text("ascii").strip().removeprefix("0x")))
    except OSError as problem:
        raise ConfigurationError(f"cannot read the key file {path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise ConfigurationError(f"{path} does not hold a key of 64 hex digits") from problem
