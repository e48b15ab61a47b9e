import stat
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_keys import KeyAPI

from ledger.chain.eip712 import Domains
from ledger.chain.keys import CONSORTIUM, RELAYER, ActKeys, KeyRing, address_of, sign_digest
from ledger.chain.signatures import recover
from ledger.chain.transactions import created_address, sign
from ledger.domain.acts import InstitutionSuspension, Withdrawal
from ledger.errors import ConfigurationError, InvalidInput, NotFound

DOMAINS = Domains(1, {"ConsentRegistry": bytes(20), "Directory": bytes(20), "AuditAnchor": bytes(20)})
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_key_files_are_for_their_owner_alone(tmp_path):
    ring = KeyRing(tmp_path / "home" / "keys")
    ring.named(RELAYER)
    signer = ring.create()
    folder = tmp_path / "home" / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == sorted(["relayer.key", f"{signer.hex()}.key"])
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_keys_are_found_again(tmp_path):
    first, again = KeyRing(tmp_path), None
    address = address_of(first.named(CONSORTIUM))
    signer = first.create()
    again = KeyRing(tmp_path)
    assert address_of(again.named(CONSORTIUM)) == address
    assert address_of(again.held(signer)) == signer
    assert address_of(again.held(address)) == address
    assert address != address_of(again.named(RELAYER))


def test_two_first_starts_agree_on_one_key(tmp_path):
    rings = [KeyRing(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        addresses = set(pool.map(lambda ring: address_of(ring.named(RELAYER)), rings))
    assert len(addresses) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["relayer.key"]


def test_what_is_no_key_is_refused(tmp_path):
    (tmp_path / "relayer.key").write_text("not a key\n")
    with pytest.raises(ConfigurationError, match="does not hold a key"):
        KeyRing(tmp_path).named(RELAYER)
    with pytest.raises(NotFound):
        KeyRing(tmp_path / "other").held(b"\x01" * 20)


def test_acts_are_signed_as_eth_account_recovers_them(tmp_path):
    ring = KeyRing(tmp_path)
    keys = ActKeys(ring, DOMAINS)
    signer = keys.create()
    act = keys.sign(Withdrawal(subject=b"\x01" * 32, id=b"\x02" * 32, signer=signer), signer)
    digest = DOMAINS.digest(act)
    public = (
        KeyAPI()
        .Signature(act.signature[:64] + bytes((act.signature[64] - 27,)))
        .recover_public_key_from_msg_hash(digest)
    )
    assert public.to_canonical_address() == signer == recover(digest, act.signature)
    with pytest.raises(InvalidInput):
        keys.sign(InstitutionSuspension(id=bytes(32), state=1), signer)
    with pytest.raises(NotFound):
        keys.sign(act, b"\x09" * 20)


def test_high_s_and_odd_v_are_not_recovered():
    key = PrivateKey(b"\x07" * 32)
    digest = b"\x08" * 32
    good = sign_digest(key, digest)
    assert recover(digest, good) == address_of(key)
    high = (ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    assert recover(digest, good[:32] + high + bytes((55 - good[64],))) is None
    for v in (0, 1, 26, 29):
        assert recover(digest, good[:64] + bytes((v,))) is None
    assert recover(digest, b"") is None
    assert recover(digest, b"\xff" * 32 + good[32:]) is None


@pytest.mark.parametrize(("to", "chain_id"), [(b"\x05" * 20, 1), (b"", 2**40 + 7)])
def test_transactions_equal_those_of_eth_account(to, chain_id):
    key = PrivateKey(b"\x07" * 32)
    ours = sign(key, chain_id=chain_id, nonce=3, gas_price=0, gas=21_000, to=to, data=b"\x01\x02")
    theirs = Account.sign_transaction(
        {"chainId": chain_id, "nonce": 3, "gasPrice": 0, "gas": 21_000, "to": to, "value": 0, "data": b"\x01\x02"},
        key.secret,
    )
    assert (ours.raw, ours.hash) == (bytes(theirs.raw_transaction), bytes(theirs.hash))


def test_created_addresses_are_known_before_the_transaction():
    from eth_utils import keccak
    from rlp import encode

    for nonce in (0, 1, 127, 128, 70_000):
        assert created_address(b"\x01" * 20, nonce) == keccak(encode([b"\x01" * 20, nonce]))[12:]


def test_signatures_do_not_change_what_was_signed():
    act = Withdrawal(subject=b"\x01" * 32, id=b"\x02" * 32, signer=bytes(20))
    assert DOMAINS.digest(msgspec.structs.replace(act, signature=b"x")) == DOMAINS.digest(act)
