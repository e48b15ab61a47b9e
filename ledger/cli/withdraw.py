"""``consentry withdraw``: a patient's own withdrawal, past every service."""

import time
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.common import out
from ledger.domain.identifiers import parse_bytes, parse_id, to_hex
from ledger.errors import ConfigurationError, NotReady

_PAUSE = 0.5


def withdraw(
    subject: Annotated[str, typer.Argument(help="The subject's id: 0x and 64 hex digits.")],
    consent: Annotated[str, typer.Argument(help="The consent's id.")],
    key: Annotated[Path, typer.Option(help="The file with the signing key: 64 hex digits. It is not sent anywhere.")],
    rpc: Annotated[str, typer.Option(help="JSON-RPC address of any node of the chain.")],
    registry: Annotated[str, typer.Option(help="The ConsentRegistry's address: 0x and 40 hex digits.")],
    wait: Annotated[int, typer.Option(help="Seconds to wait for the block.", min=0)] = 60,
) -> None:
    """End a consent with a transaction of your own, which nobody can refuse or hold up.

    Needs neither this ledger's service nor its database: a key that may sign for the subject (an account, not a
    passkey), a node, and the address of the registry, which /v1/domain and every exported bundle name.
    """
    from coincurve import PrivateKey

    from ledger.chain.own import sealed
    from ledger.chain.own import withdraw as send
    from ledger.chain.rpc import RpcNode

    try:
        secret = PrivateKey(bytes.fromhex(key.read_text("ascii").strip().removeprefix("0x")))
    except (OSError, ValueError) as problem:
        raise ConfigurationError(f"{key} does not hold a key of 64 hex digits") from problem
    node = RpcNode(rpc)
    try:
        transaction = send(
            node,
            parse_bytes(registry, what="--registry", size=20),
            secret,
            parse_id(subject, what="SUBJECT"),
            parse_id(consent, what="CONSENT"),
        )
        out.print(f"sent {to_hex(transaction)}")
        waited = 0.0
        while (receipt := sealed(node, transaction)) is None:
            if waited >= wait:
                raise NotReady("no block holds it yet; it is on its way, and the same command again changes nothing")
            time.sleep(_PAUSE)
            waited += _PAUSE
        out.print(f"block {receipt.block_number} {to_hex(receipt.block_hash)}")
    finally:
        node.close()
