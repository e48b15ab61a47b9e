"""What every store of passkeys keeps to, the fake too (``ports.PasskeyStore``)."""

from dataclasses import replace

import pytest

from ledger.domain.passkey import Invitation, Passkey
from ledger.domain.vocabulary import FOREVER
from ledger.errors import Replayed

ANN, BOB = b"\x0a" * 32, b"\x0b" * 32


def passkey(number: int, subject: bytes = ANN, **changes) -> Passkey:
    held = Passkey(bytes([number]) * 16, subject, bytes([number]) * 84, 0, backed_up=False, added_at=1_800_000_000)
    return replace(held, **changes)


def test_a_subject_has_its_passkeys_oldest_first(store):
    assert store.passkeys.of(ANN) == []
    newer, older, other = passkey(1), passkey(2, added_at=1_700_000_000, backed_up=True), passkey(3, BOB)
    for one in (newer, older, other, newer):
        store.passkeys.keep(one)
    assert store.passkeys.of(ANN) == [older, newer]
    assert store.passkeys.of(BOB) == [other]


@pytest.mark.parametrize("changes", [{"subject": BOB}, {"signer": bytes(84)}], ids=["subject", "signer"])
def test_a_credential_is_one_key_of_one_subject(store, changes):
    store.passkeys.keep(passkey(1))
    with pytest.raises(Replayed, match=r"another|already"):
        store.passkeys.keep(replace(passkey(1), **changes))
    assert store.passkeys.of(ANN) == [passkey(1)]


def test_a_counter_goes_on_or_stays_zero(store):
    store.passkeys.keep(passkey(1))
    for counter, on in [(0, True), (0, True), (2, True), (2, False), (1, False), (0, False), (2**32 - 1, True)]:
        assert store.passkeys.advance(passkey(1).credential, counter) is on
    assert store.passkeys.of(ANN) == [passkey(1, counter=2**32 - 1)]
    assert store.passkeys.advance(b"unknown", 9) is False


def test_the_newest_invitation_counts_and_keeping_a_passkey_again_changes_nothing(store):
    assert store.passkeys.invitation(ANN) is None
    first = Invitation(ANN, BOB, 1, 0, FOREVER, bytes(32), 1_800_000_000)
    second = replace(first, capacity=2, until=1_900_000_000, form=b"\x01" * 32)
    for one in (first, second):
        store.passkeys.invite(one)
    assert store.passkeys.invitation(ANN) == second
    store.passkeys.keep(passkey(1, counter=5))
    store.passkeys.keep(passkey(1, counter=0))
    assert store.passkeys.of(ANN)[0].counter == 5


def test_forgetting_a_subject_leaves_the_others(store):
    for one in (passkey(1), passkey(2, BOB)):
        store.passkeys.keep(one)
    store.passkeys.invite(Invitation(ANN, BOB, 1, 0, FOREVER, bytes(32), 1))
    store.passkeys.forget(ANN)
    assert store.passkeys.of(ANN) == []
    assert store.passkeys.invitation(ANN) is None
    assert store.passkeys.of(BOB) == [passkey(2, BOB)]
