"""The offline check of a bundle: every claim, tried in the order in which they rest on each other.

Needs the bundle and a block hash that the person who verifies trusts; no database, no network, and no trust in whoever
made the bundle. Without a block hash, everything that rests on the chain is "could not check", never "pass".
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from ledger.domain import events as ev
from ledger.domain.identifiers import to_hex
from ledger.errors import CannotCheck, NotFound, ProofInvalid
from ledger.provenance import bundle as form
from ledger.provenance.history import Interest
from ledger.transparency.cosignature import Quorum
from ledger.verify import chain, claims, decisions, log, replay
from ledger.verify.bundle import Bundle
from ledger.verify.events import ANCHOR, DIRECTORY, REGISTRY, Placed
from ledger.verify.nodes import Node, check_canonical
from ledger.verify.registers import enrolments
from ledger.verify.report import Report

_T = TypeVar("_T")


def verify_bundle(
    source: Path | BinaryIO,
    block_hash: bytes | None = None,
    *,
    contracts: Mapping[str, bytes] | None = None,
    quorum: Quorum | None = None,
    nodes: Sequence[Node] = (),
) -> Report:
    """Check a bundle.

    Args:
        source: The bundle's file, or its path.
        block_hash: The hash (32 bytes) of the block that the bundle's manifest names, from a source that you trust;
            None: what rests on the chain cannot be checked.
        contracts: The contracts' addresses (20 bytes) by name, as the consortium published them; None: the bundle's
            own are taken, and the report says so.
        quorum: The witnesses that must have signed the log's head; None: the claim is left out.
        nodes: Nodes that must have the block on their chain; none: the claim is left out, and no network is used.

    Raises:
        NotFound: There is no such file.
    """
    with ExitStack() as stack:
        if isinstance(source, Path):
            try:
                file: BinaryIO = stack.enter_context(source.open("rb"))
            except OSError as problem:
                raise NotFound(f"{source}: {problem.strerror or problem}") from problem
        else:
            file = source
        return _Examination(file, block_hash, contracts, quorum, nodes).report()


@dataclass(slots=True)
class _Examination:
    """One run: the premises found so far."""

    file: BinaryIO
    block_hash: bytes | None
    contracts: Mapping[str, bytes] | None
    quorum: Quorum | None
    nodes: Sequence[Node]
    trial: claims.Trial = field(default_factory=claims.Trial)
    linked: bool = False
    opened: Bundle | None = None
    headers: chain.Linked | None = None
    shown: chain.Shown | None = None
    entries: log.Recomputed | None = None
    heads: Sequence[ev.HeadAnchored] | None = None
    history: list[Placed] | None = None
    cases: list[decisions.Case] | None = None

    def report(self) -> Report:
        """Try every claim."""
        trial = self.trial
        trial.claims = (
            *claims.ALL,
            *((claims.WITNESSES,) if self.quorum else ()),
            *((claims.CANONICAL,) if self.nodes else ()),
        )
        if not trial.attempt(claims.ARCHIVE, self._open):
            return trial.report("the file is not a whole bundle, so nothing in it was looked at")
        bundle = self._bundle
        trial.attempt(claims.MANIFEST, bundle.check_files)
        trial.attempt(claims.SIGNATURE, bundle.check_signature)
        self.linked = trial.attempt(claims.HEADERS, self._headers)
        trial.attempt(claims.RECEIPTS, self._resting_on_chain(self._receipts))
        trial.attempt(claims.ANCHORS, self._resting_on_chain(self._anchors))
        trial.attempt(claims.TREE, self._resting_on_chain(self._tree))
        trial.attempt(claims.TAIL, self._resting_on_chain(self._tail))
        trial.attempt(claims.CHECKPOINTS, lambda: log.check_checkpoints(bundle, self._entries))
        trial.attempt(claims.CONSISTENCY, self._resting_on_chain(self._consistency))
        trial.attempt(claims.ACCESSES, self._resting_on_chain(self._accesses))
        trial.attempt(claims.DECISIONS, self._resting_on_chain(self._decisions))
        trial.attempt(claims.HISTORY, self._resting_on_chain(self._history))
        trial.attempt(claims.COMPLETENESS, self._resting_on_chain(self._completeness))
        trial.attempt(claims.COHORTS, self._cohorts)
        trial.attempt(claims.REPLAY, self._resting_on_chain(self._replay))
        if self.quorum is not None:
            quorum = self.quorum
            trial.attempt(claims.WITNESSES, lambda: log.check_witnesses(bundle, self._entries, quorum))
        if self.nodes:
            trial.attempt(claims.CANONICAL, lambda: check_canonical(bundle.manifest, self.block_hash, self.nodes))
        return trial.report("not tried")

    def _resting_on_chain(self, work: Callable[[], str]) -> Callable[[], str]:
        """Work whose result counts only where the headers lead to a trusted block; its failures count anyway."""

        def attempt() -> str:
            detail = work()
            if not self.linked:
                raise CannotCheck(f"{detail} - but the block headers are not linked to a block that you trust")
            return detail

        return attempt

    def _open(self) -> str:
        self.opened = Bundle(self.file)
        return f"{len(self.opened.archive.members)} files"

    def _headers(self) -> str:
        self.headers = chain.link(self._bundle)
        return chain.check_block(self.headers, self.block_hash)

    def _receipts(self) -> str:
        stated = {name: at for at, name in self._bundle.contracts.items()}
        if set(stated) != {DIRECTORY, REGISTRY, ANCHOR} or len(self._bundle.contracts) != len(stated):
            raise ProofInvalid(f"{form.MANIFEST}: it must name three contracts at three addresses")
        for name, address in (self.contracts or {}).items():
            if stated.get(name) != address:
                raise ProofInvalid(f"{form.MANIFEST}: {name} is not at the address you gave, {to_hex(address)}")
        self.shown = chain.read_receipts(self._bundle, _need(self.headers, "headers"))
        where = ", ".join(f"{name} {to_hex(at)}" for name, at in sorted(stated.items()))
        return (
            f"{self.shown.receipts} receipts in {self.shown.blocks} blocks, {len(self.shown.events)} events of {where} "
            + ("(the addresses you gave)" if self.contracts else "(the bundle's own statement)")
        )

    def _anchors(self) -> str:
        self.heads = log.check_anchors(self._bundle, self._shown.events)
        return f"{len(self.heads)} anchored heads" + (
            f", the last of {self.heads[-1].size} entries" if self.heads else ""
        )

    def _tree(self) -> str:
        return log.check_tree(self._entries, self._heads)

    def _tail(self) -> str:
        return log.check_tail(self._entries, self._heads)

    def _consistency(self) -> str:
        return log.check_consistency(self._bundle, self._entries, self._heads)

    def _accesses(self) -> str:
        return log.check_accesses(self._bundle, self._entries, self._shown.events)

    def _decisions(self) -> str:
        cases = decisions.read_cases(self._bundle)
        detail = decisions.check_receipts(cases, self._entries, _need(self.headers, "headers"))
        self.cases = cases
        return detail

    def _history(self) -> str:
        cases = self._cases
        interest = Interest(
            log=self._bundle.log,
            studies=frozenset(case.request.study for case in cases),
            engines=frozenset(case.request.engine for case in cases),
            subjects=decisions.subjects_of(self._bundle),
            datasets=frozenset(case.request.dataset for case in cases if case.request.dataset is not None),
        )
        self.history = chain.check_history(self._bundle, self._shown, interest)
        names = [
            placed.event.name
            for placed in self.history
            if isinstance(placed.event, ev.InstitutionAdmitted) and placed.event.id == self._bundle.log
        ]
        if names != [self._bundle.manifest.institution]:
            raise ProofInvalid(f"{form.MANIFEST}: the institution's name is not the one that the Directory recorded")
        return f"{len(self.history)} events about {len(interest.subjects)} subjects and what the decisions rest on"

    def _completeness(self) -> str:
        return chain.check_completeness(self._bundle, self._shown, _need(self.history, "history"))

    def _cohorts(self) -> str:
        cases = decisions.with_members(self._bundle, self._cases)
        enrolled = None if self.history is None else enrolments(self.history)
        detail = decisions.check_cohorts(self._bundle, cases, self._entries, enrolled)
        self.cases = cases
        return detail

    def _replay(self) -> str:
        cases = decisions.with_members(self._bundle, self._cases)
        return replay.check_replay(self._bundle, cases, _need(self.history, "history"))

    @property
    def _bundle(self) -> Bundle:
        return _need(self.opened, "archive")

    @property
    def _shown(self) -> chain.Shown:
        return _need(self.shown, "receipts")

    @property
    def _heads(self) -> Sequence[ev.HeadAnchored]:
        return _need(self.heads, "anchors")

    @property
    def _cases(self) -> list[decisions.Case]:
        return _need(self.cases, "decisions")

    @property
    def _entries(self) -> log.Recomputed:
        if self.entries is None:
            self.entries = log.recompute(self._bundle)
        return self.entries


def _need(value: _T | None, claim: str) -> _T:
    if value is None:
        raise CannotCheck(f"it rests on the claim {claim!r}, which does not hold")
    return value
