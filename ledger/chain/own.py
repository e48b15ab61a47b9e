"""A patient's own way out: a withdrawal signed and sent with nothing but a key, a node and the registry's address.

No service, no database and no relayer takes part, and nobody can refuse it: the contract takes a withdrawal from any
account, at any time, paused or not. Services see it as they see every event.
"""

from coincurve import PrivateKey

from ledger.chain import calldata
from ledger.chain.decoding import REFUSED, decode
from ledger.chain.eip712 import Domains
from ledger.chain.keys import address_of, sign_digest
from ledger.chain.node import Node, Receipt
from ledger.chain.transactions import sign
from ledger.domain.acts import Withdrawal
from ledger.errors import NotFound, WrongState

_GAS = 500_000


def withdraw(node: Node, registry: bytes, key: PrivateKey, subject: bytes, consent: bytes) -> bytes:
    """Send a withdrawal from the key's own account.

    Args:
        node: Any node of the chain.
        registry: The ConsentRegistry's address (20 bytes).
        key: A key that may sign for the subject; its account pays, where the chain has a price.
        subject: The subject's id.
        consent: The consent's id.

    Returns:
        The transaction's hash.

    Raises:
        NotFound: There is no contract at that address.
        NodeRefused: The node does not take the transaction, such as from an account without funds.
        LedgerUnreachable: The node does not answer.
    """
    if not node.code(registry):
        raise NotFound(f"there is no contract at 0x{registry.hex()} on this chain; check the registry's address")
    account = address_of(key)
    act = Withdrawal(subject=subject, id=consent, signer=account)
    digest = Domains(node.chain_id, {act.contract: registry}).digest(act)
    signed = Withdrawal(subject=subject, id=consent, signer=account, signature=sign_digest(key, digest))
    transaction = sign(
        key,
        chain_id=node.chain_id,
        nonce=node.nonce(account),
        gas_price=node.gas_price(),
        gas=_GAS,
        to=registry,
        data=calldata.encode([signed]),
    )
    node.send(transaction.raw)
    return transaction.hash


def sealed(node: Node, transaction: bytes) -> Receipt | None:
    """The receipt of a sent withdrawal; None while no block holds it.

    Raises:
        WrongState: The contract did not take it; the message says why.
    """
    receipt = node.receipt(transaction)
    if receipt is None:
        return None
    refused = [logged for log in receipt.logs if log.topics[:1] == (REFUSED,) and (logged := decode(log)) is not None]
    if refused or not receipt.succeeded:
        reason = getattr(refused[0].event, "reason", "") if refused else "the transaction failed"
        raise WrongState(f"the contract did not take the withdrawal: {reason}")
    return receipt
