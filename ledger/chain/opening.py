"""Opens a chain, embedded or behind JSON-RPC, with everything that the service needs of it.

Under ``home``: ``keys/`` (key files), ``chain/`` (the embedded chain and its lock), ``chain.json`` (where the contracts
are).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.chain.deployment import RECOVERY_DELAY, Deployment, NotMinedYet, deploy, find
from ledger.chain.eip712 import Domains
from ledger.chain.embedded import EmbeddedNode
from ledger.chain.keys import CONSORTIUM, ActKeys, KeyRing
from ledger.chain.node import Node
from ledger.chain.reader import Reader
from ledger.chain.rpc import RpcNode
from ledger.chain.signatures import Signatures
from ledger.chain.state_proofs import check_consents
from ledger.chain.writer import Writer
from ledger.domain.consent import Consent
from ledger.domain.events import Block
from ledger.domain.webauthn import RelyingParty
from ledger.errors import CannotCheck
from ledger.ports import Clock

LOCAL = RelyingParty("localhost", frozenset({"http://localhost"}))
"""The site of a chain that is opened without one, such as for a single command."""
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Chain:
    """An opened chain.

    Attributes:
        reader: The port ChainReader.
        writer: The port ChainWriter.
        checker: The port SignatureChecker.
        signer: The port ActSigner.
        domains: Digests and wallet documents of acts (``domains.typed_data(act)``).
        deployment: Where the contracts are.
        node: The chain itself; for this room and its tests.
    """

    reader: Reader
    writer: Writer
    checker: Signatures
    signer: ActKeys
    domains: Domains
    deployment: Deployment
    node: Node

    def check_consents(self, block: Block, consents: Sequence[Consent]) -> int:
        """Compare consents as of a block with the contract's storage, by proofs; see ``state_proofs``.

        Raises:
            CannotCheck: The chain is the embedded one, whose file the mirror was read from.
        """
        if not isinstance(self.node, RpcNode):
            raise CannotCheck("the embedded chain gives no proofs of its storage: a replay is all there is")
        return check_consents(self.node, self.deployment.contracts["ConsentRegistry"], block, consents)

    def close(self) -> None:
        """Give connections and locks back."""
        self.node.close()


def open_embedded(
    home: Path,
    clock: Clock,
    *,
    writable: bool = True,
    approvals_required: int = 1,
    recovery_delay: int = RECOVERY_DELAY,
    party: RelyingParty = LOCAL,
) -> Chain:
    """Open the embedded chain; the first time, begin it and deploy the contracts.

    Args:
        home: The data folder.
        clock: Gives the blocks their timestamps.
        writable: False for a command beside a running service: it can read, and not send.
        approvals_required: How many reviewers approve a study (at the first start only).
        recovery_delay: Seconds to object to the recovery of a lost key (at the first start only).
        party: The site whose passkeys are taken.

    Raises:
        WrongState: Another process holds the chain for writing.
        NotFound: Opened for reading only, and nothing is there yet.
        ConfigurationError: The folder's files do not belong together.
    """
    node = EmbeddedNode(home / "chain", clock, writable=writable)
    try:
        ring = KeyRing(home / "keys")
        if writable:
            deployment = deploy(
                node,
                ring.named(CONSORTIUM),
                home / "chain.json",
                approvals_required=approvals_required,
                recovery_delay=recovery_delay,
            )
        else:
            deployment = find(node, home / "chain.json")
        return _assemble(node, deployment, ring, party)
    except BaseException:
        node.close()
        raise


def open_rpc(url: str, home: Path, clock: Clock, *, party: RelyingParty = LOCAL) -> Chain:
    """Open a chain by its node's address.

    Args:
        url: JSON-RPC address of the node.
        home: The data folder; ``chain.json`` in it says where the contracts are.
        clock: For symmetry with ``open_embedded``; the node keeps its own time.
        party: The site whose passkeys are taken.

    Raises:
        LedgerUnreachable: The node does not answer.
        NotFound: The contracts are not deployed yet.
        ConfigurationError: The folder's files are of another chain.
    """
    del clock
    node = RpcNode(url)
    try:
        return _assemble(node, find(node, home / "chain.json"), KeyRing(home / "keys"), party)
    except BaseException:
        node.close()
        raise


def deploy_rpc(
    url: str,
    home: Path,
    clock: Clock,
    *,
    approvals_required: int = 1,
    recovery_delay: int = RECOVERY_DELAY,
    most_wait: float = 120.0,
) -> Chain:
    """Deploy the contracts from the consortium's account, or find them deployed, and open the chain.

    Args:
        url: JSON-RPC address of the node.
        home: The data folder.
        clock: For symmetry with ``open_embedded``.
        approvals_required: How many reviewers approve a study.
        recovery_delay: Seconds to object to the recovery of a lost key.
        most_wait: Seconds to wait for blocks with the creations.

    Raises:
        LedgerUnreachable: The node does not answer, or does not take the creations (an account without funds).
        ConfigurationError: The folder's files are of another chain.
    """
    del clock
    node = RpcNode(url)
    try:
        ring = KeyRing(home / "keys")
        waited = 0.0
        while True:
            try:
                deployment = deploy(
                    node,
                    ring.named(CONSORTIUM),
                    home / "chain.json",
                    approvals_required=approvals_required,
                    recovery_delay=recovery_delay,
                )
                return _assemble(node, deployment, ring, LOCAL)
            except NotMinedYet:
                if waited >= most_wait:
                    raise
                time.sleep(_PAUSE)
                waited += _PAUSE
    except BaseException:
        node.close()
        raise


def _assemble(node: Node, deployment: Deployment, ring: KeyRing, party: RelyingParty) -> Chain:
    writer = Writer(node, deployment, ring)
    return Chain(
        reader=Reader(node, deployment),
        writer=writer,
        checker=Signatures(writer.domains, node, deployment.addresses, party),
        signer=ActKeys(ring, writer.domains),
        domains=writer.domains,
        deployment=deployment,
        node=node,
    )
