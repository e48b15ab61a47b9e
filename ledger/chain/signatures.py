"""Checks signatures of acts off the chain, the way OpenZeppelin's SignatureChecker does on it.

A signer of 20 bytes is an address: an account, whose key is recovered from the signature, or a contract, which is
asked (ERC-1271). A longer one is a verifier contract with a key for it (ERC-7913): the two verifiers that were deployed
with the contracts, for P-256 keys and passkeys, are computed here, and any other is asked.

Sources: https://eips.ethereum.org/EIPS/eip-1271 https://eips.ethereum.org/EIPS/eip-7913
"""

from collections.abc import Mapping

from coincurve.keys import PublicKey

from ledger.chain import passkeys
from ledger.chain.abi import dynamic, fixed, pack
from ledger.chain.deployment import P256_VERIFIER, PASSKEY_VERIFIER
from ledger.chain.eip712 import Domains
from ledger.chain.hashing import keccak
from ledger.chain.keys import address_of
from ledger.chain.node import Node, Reverted
from ledger.domain.acts import Act
from ledger.domain.passkey import is_point
from ledger.domain.webauthn import RelyingParty
from ledger.errors import BadSignature, InvalidInput

_HALF_ORDER = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0
_IS_VALID = keccak(b"isValidSignature(bytes32,bytes)")[:4]
_VERIFY = keccak(b"verify(bytes,bytes32,bytes)")[:4]
_CALL_GAS = 1_000_000


class Signatures:
    """The port SignatureChecker.

    Args:
        domains: The contracts that the acts are for.
        node: Asked for signers that are contracts.
        addresses: Of the contracts by name; the verifiers of signatures among them.
        party: The site whose passkeys are taken.
    """

    def __init__(self, domains: Domains, node: Node, addresses: Mapping[str, bytes], party: RelyingParty) -> None:
        self._domains = domains
        self._node = node
        self._p256 = addresses[P256_VERIFIER]
        self._passkeys = addresses[PASSKEY_VERIFIER]
        self._party = party

    def check(self, act: Act, signer: bytes, digest: bytes | None = None) -> None:
        """Raise BadSignature unless ``signer`` (ERC-7913) signed the act.

        Raises:
            BadSignature: Somebody else signed, something else was signed, or the signature is malformed.
            InvalidInput: A consortium act, which carries no signature.
        """
        if act.admin:
            raise InvalidInput(f"a {type(act).__name__} carries no signature")
        digest = digest or self._domains.digest(act)
        signature: bytes = getattr(act, "signature", b"")
        if len(signer) == 20 and recover(digest, signature) == signer:
            return
        if len(signer) < 20:
            raise BadSignature(f"a signer is an address or a verifier with a key, not {len(signer)} bytes")
        if signer[:20] == self._passkeys:
            passkeys.check_passkey(signer[20:], digest, signature, self._party)
            return
        if signer[:20] == self._p256:
            signed = passkeys.p256_holds(signer[20:], digest, signature)
        else:
            signed = self._asked(signer, digest, signature)
        if not signed:
            raise BadSignature(f"0x{signer.hex()} did not sign this act with digest 0x{digest.hex()}; sign it again")

    def admit(self, signer: bytes) -> None:
        """A new signer's form is one that this service gives authority to.

        The contracts take any verifier. This service carries a new signer only if it is an address or a key of a
        verifier deployed with the contracts: other verifiers are foreign code, which may say yes to everything.

        Raises:
            InvalidInput: It names another verifier, or a key that is not a point of the curve.
        """
        verifier, key = signer[:20], signer[20:]
        if not key and verifier in {self._p256, self._passkeys}:
            raise InvalidInput("this signer is a verifier without a key, which can never sign; add the key behind it")
        if key and verifier not in {self._p256, self._passkeys}:
            raise InvalidInput(
                f"the signer's verifier 0x{verifier.hex()} is not one of this ledger's; use an account, a contract "
                f"wallet, or the verifier 0x{self._passkeys.hex()} (passkeys) or 0x{self._p256.hex()} (P-256)"
            )
        if key and not is_point(key):
            raise InvalidInput("the signer's key is not a point of P-256 (x and y, 32 bytes each)")

    def counter(self, act: Act) -> int | None:
        """The signature counter in a passkey's act that was checked; None for acts of other signers."""
        signer: bytes = getattr(act, "signer", b"")
        if len(signer) == 20 or signer[:20] != self._passkeys:
            return None
        return passkeys.decode(act.signature).counter  # type: ignore[union-attr]

    def _asked(self, signer: bytes, digest: bytes, signature: bytes) -> bool:
        contract, key = signer[:20], signer[20:]
        if not self._node.code(contract):
            return False
        if key:
            selector, data = _VERIFY, _VERIFY + pack(dynamic(key), fixed(digest), dynamic(signature))
        else:
            selector, data = _IS_VALID, _IS_VALID + pack(fixed(digest), dynamic(signature))
        try:
            answer = self._node.call(contract, data, gas=_CALL_GAS)
        except Reverted:
            return False
        return answer[:32] == selector + bytes(28)


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The account (20 bytes) that made a 65-byte signature r, s, v; None when it is malformed or s is high."""
    if len(signature) != 65 or signature[64] not in (27, 28) or int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        public = PublicKey.from_signature_and_message(
            signature[:64] + bytes((signature[64] - 27,)), digest, hasher=None
        )
    except ValueError:
        return None
    except Exception as problem:  # coincurve raises bare Exception for points that are not on the curve
        if type(problem) is not Exception:
            raise
        return None
    return address_of(public)
