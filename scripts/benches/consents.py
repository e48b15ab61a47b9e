"""Consents from a patient's signature to a decision that sees them.

Both rates go the whole way of the service: checked, accepted into the outbox, relayed in batches of up to 200, verified
by the contract, mirrored into SQL, shown to decisions. ``embedded_consents_per_s`` is one process; ``consents_per_s``
is anvil with two blocks a second and two processes of the service, one that takes acts in and one that leads, over
forty thousand consents (``--quick``: two thousand), the wait for the last block and its mirroring included; the
patients have signed before, each on a device of their own, and ``share_sign`` says what that takes. The peer
``plain_web3_consents_per_s`` does with web3.py and eth_account what their documentation shows, in the same batches:
sign typed data, encode, send, wait for the receipt, decode its events; it has no outbox and no copy in SQL, and anvil
mines its transactions the moment they come. Shares are of the time of one pass, step by step. Gas is of one consent in
a batch: of an account's signature, and of a passkey's with and without the chain's P-256 precompile (EIP-7951).
"""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import msgspec
from eth_account import Account
from web3 import HTTPProvider, Web3

from benches.harness import Figures, Stage, per_second, seconds
from benches.nodes import MISSING, NEWEST_STATE, Anvil, deployed, find_anvil
from benches.replica import REQUEST, replica
from benches.scene import Patient, Scene, scene, settings
from ledger.bootstrap import SystemClock
from ledger.chain import artifacts, packing
from ledger.chain.decoding import read_event
from ledger.chain.deployment import PASSKEY_VERIFIER
from ledger.chain.opening import open_rpc
from ledger.domain.acts import ConsentAct
from ledger.domain.outbox import Item, ItemState
from ledger.identity.site import relying_party
from ledger.services import directory
from ledger.services.submit import submit
from ledger.services.sync import Mirror
from ledger.store.store import open_store
from tests.support.passkey import SoftPasskey

BATCH = 200
BLOCK_TIME = 0.5
"""Seconds between two blocks of anvil."""
PASSKEYS = 40
GAS = 16_000_000
SHARES = ("sign", "encode", "send", "mine", "mirror")


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    figures: Figures = {}
    with scene(settings(stage.home())) as embedded:
        figures["embedded_consents_per_s"] = _rate(
            embedded, stage.pick(200, 1_000), 1, lambda acts: _taken_in(embedded, acts)
        )
        stage.say(f"{figures['embedded_consents_per_s']} consents a second on the embedded chain")
        figures["gas_passkey_fallback"] = _gas_by_passkey(embedded)
    if find_anvil() is None:
        names = ("consents_per_s", "plain_web3_consents_per_s", "gas_ecdsa", "gas_passkey_precompile")
        return figures | stage.skip(MISSING, *names, *(f"share_{name}" for name in SHARES))
    home = stage.home()
    with deployed(home, NEWEST_STATE) as anvil, scene(settings(home, rpc_url=anvil.url)) as there:
        figures["gas_passkey_precompile"] = _gas_by_passkey(there)
        patients = there.enrol(stage.pick(300, 1_000))
        figures["plain_web3_consents_per_s"] = _plain(anvil, there, patients)
        acts = [there.grant(patient) for patient in patients]
        there.ledger.close()
        figures |= _shares(stage, anvil, there, patients, acts)
    home = stage.home()
    with deployed(home, NEWEST_STATE, f"--block-time={BLOCK_TIME}") as anvil:
        chosen = settings(home, rpc_url=anvil.url)
        with scene(chosen) as there, replica(chosen) as other:

            def hand_over(signed: list[ConsentAct]) -> Callable[[], list[bytes]]:
                other.hand_over(signed)
                return other.take_in

            figures["consents_per_s"] = _rate(there, *stage.pick((2_000, 1), (10_000, 4)), hand_over)
            stage.say(f"{figures['consents_per_s']} consents a second on anvil")
    return figures


def _taken_in(scene: Scene, acts: list[ConsentAct]) -> Callable[[], list[bytes]]:
    def take_in() -> list[bytes]:
        digests: list[bytes] = []
        for start in range(0, len(acts), REQUEST):
            digests += [item.digest for item in submit(scene.ledger.context, acts[start : start + REQUEST])]
        return digests

    return take_in


def _rate(scene: Scene, count: int, each: int, ready: Callable[[list[ConsentAct]], Callable[[], list[bytes]]]) -> int:
    """The rate at which signed consents come to count; signing is the patients' own affair and not in it.

    Args:
        scene: The consortium.
        count: Patients.
        each: Consents of each.
        ready: Takes consents over; what it returns takes them in.
    """
    patients = scene.enrol(count) * each
    rates = []
    for _ in range(3):
        take_in = ready(scene.grants(patients))
        digests: list[bytes] = []

        def run(take_in: Callable[[], list[bytes]] = take_in, digests: list[bytes] = digests) -> None:
            digests += take_in()
            scene.drained()

        rates.append(per_second(len(patients), seconds(run)))
        scene.counted(digests)
    return round(median(rates))


def _gas_by_passkey(scene: Scene) -> int:
    """The gas of a consent that a passkey signs, in a batch."""
    context, chain = scene.ledger.context, scene.ledger.chain
    passkeys = [SoftPasskey(relying_party(scene.ledger.settings)) for _ in range(PASSKEYS)]
    signers = [chain.deployment.addresses[PASSKEY_VERIFIER] + passkey.point for passkey in passkeys]
    enrolled = directory.enrol(context, scene.institution, [directory.NewSubject(signer=signer) for signer in signers])
    scene.sealed([item for item, _ in enrolled])
    acts = []
    for (_, subject), signer, passkey in zip(enrolled, signers, passkeys, strict=True):
        act = scene.grant_by(subject, signer)
        acts.append(msgspec.structs.replace(act, signature=passkey.sign(context.writer.digest(act))))
    items = submit(context, acts)
    scene.sealed(items)
    carriers = {item.transaction for item in context.outbox.find([item.digest for item in items]) if item is not None}
    receipts = [chain.node.receipt(carrier) for carrier in carriers if carrier is not None]
    return round(sum(receipt.gas_used for receipt in receipts if receipt is not None) / len(acts))


def _plain(anvil: Anvil, scene: Scene, patients: Sequence[Patient]) -> int:
    """The peer: web3.py and eth_account alone."""
    web3 = Web3(HTTPProvider(anvil.url))
    contract = web3.eth.contract(
        address=Web3.to_checksum_address(scene.ledger.chain.deployment.contracts["ConsentRegistry"]),
        abi=artifacts.load("ConsentRegistry").abi,
    )
    sender = Account.create()
    anvil.fund(bytes.fromhex(sender.address[2:]))
    typed_data = scene.ledger.chain.domains.typed_data
    acts = [scene.grant(patient) for patient in patients]

    def run() -> None:
        recorded = 0
        for start in range(0, len(acts), BATCH):
            batch = []
            for act, patient in zip(acts[start : start + BATCH], patients[start : start + BATCH], strict=True):
                signed = Account.sign_typed_data(patient.key.secret, full_message=typed_data(act))
                batch.append(_as_tuple(msgspec.structs.replace(act, signature=bytes(signed.signature))))
            call = contract.functions.record(batch).build_transaction(
                {"from": sender.address, "nonce": web3.eth.get_transaction_count(sender.address), "gas": GAS}
            )
            sent = web3.eth.send_raw_transaction(sender.sign_transaction(call).raw_transaction)
            receipt = web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.005)
            recorded += len(contract.events.ConsentRecorded().process_receipt(receipt))
        assert recorded == len(acts), f"the peer recorded {recorded} of {len(acts)}"

    return per_second(len(acts), seconds(run))


def _as_tuple(act: ConsentAct) -> tuple[Any, ...]:
    words = [int.from_bytes(word) for word in (packing.rights(act), packing.limits(act))]
    ids = (act.subject, act.id, act.scope.recipient, act.scope.terms)
    return (*ids, *words, act.form, act.deadline, act.signer, act.signature)


def _shares(
    stage: Stage, anvil: Anvil, scene: Scene, patients: Sequence[Patient], acts: Sequence[ConsentAct]
) -> Figures:
    """One pass, step by step, on a node that mines when it is told to."""
    home = scene.ledger.settings.home
    chain = open_rpc(anvil.url, home, SystemClock())
    store = open_store(f"sqlite:///{stage.home() / 'mirror.sqlite'}", read_event)
    mirror = Mirror(chain.reader, store.mirror, SystemClock())
    mirror.catch_up()
    anvil.ask("evm_setAutomine", False)
    took: dict[str, float] = {}
    clock = time.perf_counter

    began = clock()
    signed = [scene.signed(act, patient) for act, patient in zip(acts, patients, strict=True)]
    took["sign"] = clock() - began
    items = [Item(place, b"", act, ItemState.ACCEPTED, 0) for place, act in enumerate(signed)]
    began = clock()
    nonce = chain.writer.next_nonce(chain.writer.sender_of(signed[0]))
    starts = range(0, len(items), BATCH)
    sent = [chain.writer.prepare(items[start : start + BATCH], nonce + place) for place, start in enumerate(starts)]
    took["encode"] = clock() - began
    began = clock()
    for transmission in sent:
        chain.writer.send(transmission)
    took["send"] = clock() - began
    began = clock()
    anvil.ask("evm_mine")
    took["mine"] = clock() - began
    began = clock()
    mirror.catch_up()
    took["mirror"] = clock() - began
    whole = [receipt for transmission in sent if (receipt := chain.node.receipt(transmission.hash)) is not None]
    gas = sum(receipt.gas_used for receipt in whole) / len(items)
    assert len(whole) == len(sent)
    assert all(chain.writer.outcome(one.hash).refused == {} for one in sent)  # type: ignore[union-attr]
    store.close()
    chain.close()
    total = sum(took.values())
    return {"gas_ecdsa": round(gas), **{f"share_{name}": round(took[name] / total, 3) for name in SHARES}}
