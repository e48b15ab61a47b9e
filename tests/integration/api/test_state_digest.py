"""Comparing two copies of one chain in one request: the digest after a block."""

from ledger.services.sync import Mirror
from tests.fakes.chain import FakeClock
from tests.support.stores import open_store


def test_two_copies_of_one_chain_have_one_digest(service, ann, tmp_path):
    ledger = service.ledger
    last = service.http.get("/v1/state-digest").json()
    store = open_store(f"sqlite:///{tmp_path}/other.db")
    Mirror(ledger.context.reader, store.mirror, FakeClock()).catch_up()
    for number in (ledger.context.reader.first_block, last["block"]["number"]):
        answered = service.http.get("/v1/state-digest", params={"block": number})
        assert answered.status_code == 200
        (other,) = store.mirror.blocks_in(number, number)
        assert answered.json() == {
            "block": {"number": number, "hash": "0x" + other.block.hash.hex()},
            "digest": "0x" + other.digest.hex(),
        }
    store.close()


def test_a_block_that_the_copy_does_not_hold_is_not_answered(service, world):
    first = service.ledger.context.reader.first_block
    assert service.http.get("/v1/state-digest", params={"block": 1 << 40}).status_code == 503
    assert service.http.get("/v1/state-digest", params={"block": -1}).status_code == 400
    if first > 0:
        assert service.http.get("/v1/state-digest", params={"block": first - 1}).status_code == 404
