"""One operator who owns everything but the chain and what others were given.

Theirs: the database with its mirror, the tree, the log's note key, the receipts' key, the institution's signing key
and the relayer's account. Not theirs: the chain's past, an auditor's trusted block hash, an engine's receipts. Each
chapter is something that they try, and says what gives them away: a revert, a failing fsck, a failing ``consentry
verify``, or a receipt that contradicts the log.
"""

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copytree

import pytest

from ledger.bootstrap import Ledger, open_ledger
from ledger.config import Settings
from ledger.domain.accesses import pack_entries
from ledger.domain.acts import Accesses, Anchoring
from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.errors import MirrorDiverged, ProofInvalid
from ledger.services.append import Appender
from ledger.services.fsck import Fault, check_log
from ledger.services.mirror_verify import verify_mirror
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.transparency.proofs import verify_consistency
from ledger.transparency.receipt import open_append
from ledger.transparency.tree import consistency_proof, root_at
from ledger.verify.checks import verify_bundle
from tests.support.exhibit import Exhibit
from tests.support.past import past
from tests.support.tampering import change, documents_of, hand, rewrite

__all__ = ["past"]

ANCHORED = 7
BACK = 3_600


@dataclass
class Operator:
    """Their hands on a copy of the ledger, and the eyes of those who check."""

    shown: Exhibit
    home: Path
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.starts()

    @property
    def log(self) -> bytes:
        return self.shown.log

    @property
    def url(self) -> str:
        return f"sqlite:///{self.home / 'ledger.sqlite'}"

    @property
    def nodes(self):
        return self.ledger.context.audit.nodes(self.log)

    def documents(self) -> list[dict]:
        return documents_of(self.ledger.store, self.log)

    def rewrites(self, documents: list[dict]) -> None:
        """Rows, tree and signed heads, as if they had always been so; then the service starts anew."""
        rewrite(self.ledger.store, self.url, self.log, self.ledger.context.log_keys, documents)
        self.ledger.close()
        self.starts()

    def starts(self) -> None:
        """Opens the ledger, as a new process does."""
        self.ledger = open_ledger(Settings(home=self.home))
        self.ledger.catch_up()
        self.shown.scene.chain = self.ledger.chain

    def anchors(self, size: int, proof: list[bytes], root: bytes | None = None, accesses=()) -> str:
        """Signs a head with the institution's key and sends it past the service; what the chain says, "" for yes."""
        context = self.ledger.context
        root = root_at(self.nodes, size) if root is None else root
        act = Anchoring(log=self.log, size=size, root=root, proof=tuple(proof), accesses=tuple(accesses))
        signer = context.mirror.institution(self.log).signer
        _, outcome = self.shown.scene.carry(context.keys.sign(act, signer))
        assert outcome.succeeded == (not outcome.error)
        self.ledger.catch_up()
        return outcome.error

    def appends(self, kind: Kind = Kind.DISCLOSED, number: int = 0) -> str:
        """An engine hands in an entry; gives the receipt that it keeps."""
        scene = self.shown.scene
        entry = NewEntry(kind, "engine", to_hex(scene.study), to_hex(scene.engine), facts={"number": number})
        context = self.ledger.context
        appender = Appender(context.audit, context.clock, context.log_keys)  # as after a restart: it remembers no tree
        return appender.append(self.log, f"engine-{number}", [entry]).receipt

    def head(self) -> tuple[int, bytes]:
        """What the chain holds."""
        held = self.ledger.context.mirror.head_of(self.log)
        return held.size, held.root

    def fsck(self) -> set[Fault]:
        return {finding.fault for finding in check_log(self.ledger.context, self.log).findings}

    def failing(self) -> set[str]:
        """The claims of an exported bundle that fail for an auditor who knows the block's hash from elsewhere."""
        block = self.ledger.context.reader.head().hash
        data, _ = replace(self.shown, ledger=self.ledger).export()
        report = verify_bundle(io.BytesIO(data), block)
        failing = {check.name for check in report.checks if check.status == "fail"}
        assert report.exit_code != 0 or not failing
        return failing

    def contradicts(self, receipt: str) -> bool:
        """Whether a receipt is at odds with the head on the chain, even if all that exists is given to join them."""
        keys = self.ledger.context.log_keys
        promised = open_append(receipt, keys.published)
        early = verify_checkpoint(promised.checkpoint, keys.note_keys(self.log), self.log)
        size, root = self.head()
        first, last = sorted([(early.size, early.root), (size, root)])
        try:
            proof = consistency_proof(self.nodes, first[0], last[0]) if first[0] < last[0] else []
            verify_consistency(first[0], last[0], first[1], last[1], proof)
        except ProofInvalid:
            return True
        return False


@pytest.fixture
def operator(past, tmp_path):
    home, shown = past
    copytree(home, tmp_path / "home")
    opened = Operator(shown, tmp_path / "home")
    yield opened
    opened.ledger.close()


def test_before_anything_is_tried_everything_agrees(operator):
    receipt = operator.appends()
    assert operator.anchors(8, consistency_proof(operator.nodes, ANCHORED, 8)) == ""
    assert operator.fsck() == set()
    assert operator.failing() == set()
    assert not operator.contradicts(receipt)


def edited(documents):
    documents[2]["facts"]["outputs"] = []


def reordered(documents):
    documents[1], documents[2] = documents[2], documents[1]


def dropped(documents):
    del documents[5]


def back_dated(documents):
    documents[6]["time"] -= BACK


FORGERIES = [edited, reordered, dropped, back_dated]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_past_rewritten_below_the_anchor_cannot_be_anchored_and_is_found(operator, forge):
    honest = operator.nodes
    proofs = [[], consistency_proof(honest, 3, ANCHORED), [bytes(32)] * 3]
    before = operator.head()
    documents = operator.documents()
    forge(documents)
    operator.rewrites(documents + documents[-1:] * 3)  # and entries more, so that there is something to anchor
    size = operator.ledger.context.audit.size(operator.log)
    forged = operator.nodes

    with pytest.raises(MirrorDiverged, match="fsck"):
        replace(operator.shown, ledger=operator.ledger).anchor()
    for proof in (*proofs, consistency_proof(forged, ANCHORED, size)):
        assert operator.anchors(size, proof) == "AuditAnchor__NotAnExtension"
    for shorter in (3, ANCHORED):
        assert operator.anchors(shorter, []) == "AuditAnchor__SizeNotRising"
    assert operator.head() == before
    assert Fault.REWRITTEN in operator.fsck()
    assert "tree" in operator.failing()


def test_the_mirror_forged_to_match_fools_fsck_and_neither_the_chain_nor_an_auditor(operator):
    documents = operator.documents()
    documents[5]["time"] -= 1
    operator.rewrites(documents)
    with hand(operator.url) as connection:
        root = root_at(operator.nodes, ANCHORED)
        change(connection, "UPDATE anchored_head SET root = :root WHERE size = :size", root=root, size=ANCHORED)
    assert operator.fsck() == set(), "all that it compares is the operator's"
    context = operator.ledger.context
    with pytest.raises(MirrorDiverged, match=r"Head .*root"):
        verify_mirror(context.reader, context.mirror)
    assert operator.failing() & {"anchors", "tree"}


@pytest.mark.parametrize("moved", [None, -BACK], ids=["dropped", "back-dated"])
def test_a_tail_that_no_anchor_covered_is_given_away_by_the_receipt(operator, moved):
    """The one thing that neither fsck nor verify can see: the engine can, with what it was given."""
    receipt = operator.appends()
    *documents, tail = operator.documents()
    operator.rewrites(documents if moved is None else [*documents, {**tail, "time": tail["time"] + moved}])
    operator.appends(number=2)
    size = operator.ledger.context.audit.size(operator.log)
    assert operator.anchors(size, consistency_proof(operator.nodes, ANCHORED, size)) == ""
    assert operator.fsck() == set()
    assert operator.failing() == set()
    assert operator.contradicts(receipt)


def test_an_invented_access_is_on_the_chain_under_their_name_and_not_in_the_log(operator):
    operator.appends(Kind.STARTED)
    scene = operator.shown.scene
    invented = Accesses(study=scene.study, engine=scene.engine, entries=pack_entries([(7, b"\x01" * 32)]))
    assert operator.anchors(8, consistency_proof(operator.nodes, ANCHORED, 8), accesses=[invented]) == ""
    assert operator.fsck() == {Fault.ACCESS}
    assert operator.failing() == {"accesses"}


def test_an_access_kept_from_the_chain_is_counted_as_silent(operator):
    """Heads alone may be anchored, by setting too: so it is no failure, but the checker says how many."""
    operator.appends(Kind.ACCESSED)
    assert operator.anchors(8, consistency_proof(operator.nodes, ANCHORED, 8)) == ""
    data, _ = replace(operator.shown, ledger=operator.ledger).export()
    report = verify_bundle(io.BytesIO(data), operator.ledger.context.reader.head().hash)
    assert report.exit_code == 0
    assert "1 such entries have none there" in report.check("accesses").detail


def test_an_old_anchoring_sent_again_changes_nothing(operator):
    before = operator.head()
    items = [item for item in operator.ledger.context.outbox.items() if isinstance(item.act, Anchoring)]
    assert items
    for item in items:
        _, outcome = operator.shown.scene.carry(item.act)
        assert outcome.error == "AuditAnchor__SizeNotRising"
    assert operator.head() == before


def test_a_decision_rewritten_with_a_new_receipt_is_not_the_one_that_was_logged(operator):
    """They sign another receipt for an old decision and put it in its place."""
    with hand(operator.url) as connection:
        change(connection, 'UPDATE decision SET receipt = (SELECT receipt FROM decision WHERE "index" = 3)')
    assert Fault.DECISION in operator.fsck()
    assert "decisions" in operator.failing()
