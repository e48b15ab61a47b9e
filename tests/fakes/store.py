"""A store in memory: the plainest implementation of the store ports, and the oracle of the SQL one."""

import copy
import threading
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.domain.consent import Consent
from ledger.domain.events import Logged
from ledger.domain.flat import NO_DIGEST, encode, next_digest
from ledger.domain.outbox import Item, ItemState, Outcome, Transmission
from ledger.domain.projection import (
    Access,
    Authority,
    Head,
    Refusal,
    Subject,
    World,
    key_of,
)
from ledger.domain.revocation import accepted, confirmed
from ledger.errors import Conflict, ConsentryError, InvalidInput, MirrorLagging, NotFound, Replayed, WrongState
from ledger.ports import Cursor, Interval, Lease
from ledger.transparency.canonical import decode_object
from ledger.transparency.edge import Place, Run
from ledger.transparency.tiles import HEIGHT, WIDTH
from tests.fakes.passkeys import MemoryPasskeys
from tests.fakes.texts import MemoryTexts
from tests.fakes.vault import MemoryErasures, MemoryVault, erase_rows

KINDS = (
    "Institution", "Reviewer", "Terms", "Study", "Approval", "Engine", "Dataset", "Subject", "Authority", "Recovery",
    "SpentId", "Consent", "Head", "Access", "Refusal", "Pause",
)  # fmt: skip


class MemoryStore:
    """All parts together."""

    def __init__(self) -> None:
        self.outbox = MemoryOutbox()
        self.mirror = MemoryMirror()
        self.audit = MemoryAudit()
        self.erasures = MemoryErasures(self)
        self.vault = MemoryVault(self.erasures.subjects)
        self.passkeys = MemoryPasskeys()
        self.texts = MemoryTexts()

    def close(self) -> None:
        """Nothing is held."""


class MemoryOutbox:
    """``ports.OutboxStore`` in lists."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._sent: dict[bytes, tuple[Transmission, Outcome | None]] = {}

    def accept(self, acts, *, at):
        accepted = []
        for digest, act in acts:
            held = self.item(digest)
            if held is None or held.state is ItemState.REFUSED:
                held = Item(len(self._items) + 1, digest, act, ItemState.ACCEPTED, at)
                self._items.append(held)
            accepted.append(held)
        return accepted

    def item(self, digest):
        return next((item for item in reversed(self._items) if item.digest == digest), None)

    def find(self, digests):
        return [self.item(digest) for digest in digests]

    def waiting(self, limit):
        return [item for item in self._items if item.state is ItemState.ACCEPTED][:limit]

    def unsealed(self, *, above, after=0, subjects=None):
        return [
            item
            for item in self._items
            if item.sequence > after
            and (subjects is None or getattr(item.act, "subject", None) in subjects)
            and (
                item.state in (ItemState.ACCEPTED, ItemState.SENT)
                or (item.state is ItemState.SEALED and item.block > above)
            )
        ]

    def revoking(self, after, until, limit):
        return [one for one in self._items if after < one.sequence <= until and accepted(one.act) is not None][:limit]

    def newest(self):
        return len(self._items)

    def record_transmission(self, transmission, *, at):  # noqa: ARG002 - no status page reads it
        if transmission.hash in self._sent:
            raise Conflict("recorded already")
        if any(self._items[sequence - 1].state is not ItemState.ACCEPTED for sequence in transmission.items):
            raise WrongState("an item is not waiting")
        self._sent[transmission.hash] = (transmission, None)
        for sequence in transmission.items:
            self._change(sequence, state=ItemState.SENT, transaction=transmission.hash)

    def record_transmissions(self, transmissions, *, at):
        items, sent = list(self._items), dict(self._sent)
        try:
            for transmission in transmissions:
                self.record_transmission(transmission, at=at)
        except ConsentryError:
            self._items, self._sent = items, sent
            raise

    def under_way(self):
        return [transmission.hash for transmission in self.transmissions()]

    def transmissions(self):
        found = [transmission for transmission, outcome in self._sent.values() if outcome is None]
        return sorted(found, key=lambda transmission: (transmission.sender, transmission.nonce))

    def settle(self, transmission, outcome):
        if transmission.hash not in self._sent:
            raise NotFound("never recorded")
        if self._sent[transmission.hash][1] is not None:
            return
        self._sent[transmission.hash] = (transmission, outcome)
        for sequence in transmission.items:
            item = self._items[sequence - 1]
            if item.transaction != transmission.hash or item.state is not ItemState.SENT:
                continue
            reason = outcome.refused.get(item.digest)
            if reason is not None:
                self._change(sequence, state=ItemState.REFUSED, block=outcome.block_number, reason=reason)
            elif outcome.succeeded:
                self._change(sequence, state=ItemState.SEALED, block=outcome.block_number)
            else:
                self._change(sequence, state=ItemState.ACCEPTED, transaction=None)

    def settle_all(self, outcomes):
        if any(transmission.hash not in self._sent for transmission, _ in outcomes):
            raise NotFound("never recorded")
        for transmission, outcome in outcomes:
            self.settle(transmission, outcome)

    def unsettle(self, above_block):
        for digest, (transmission, outcome) in self._sent.items():
            if outcome is None or outcome.block_number <= above_block:
                continue
            self._sent[digest] = (transmission, None)
            for sequence in transmission.items:
                item = self._items[sequence - 1]
                again = item.state is ItemState.REFUSED and self.item(item.digest).state is not ItemState.REFUSED
                if item.transaction == digest and item.state in (ItemState.SEALED, ItemState.REFUSED) and not again:
                    self._change(sequence, state=ItemState.SENT, block=None, reason="")

    def items(self, *, subject=None, state=None, limit=100):
        found = [
            item
            for item in reversed(self._items)
            if (subject is None or getattr(item.act, "subject", None) == subject)
            and (state is None or item.state is state)
        ]
        return found[:limit]

    def _change(self, sequence, **changes):
        self._items[sequence - 1] = replace(self._items[sequence - 1], **changes)


class MemoryMirror:
    """``ports.MirrorStore``: keeps the events alone, and replays them for every answer."""

    def __init__(self) -> None:
        self._blocks: list[Cursor] = []
        self._events: list[Logged] = []
        self._lease: tuple[str, int, int] | None = None

    def lease(self, holder, *, at, seconds):
        if self._lease is None:
            self._lease = (holder, 1, at + seconds)
        else:
            held, fence, until = self._lease
            if at < until and held != holder:
                raise WrongState("another writes")
            self._lease = (holder, fence if at < until else fence + 1, at + seconds)
        return self._lease[1]

    def release(self, *, fence):
        if self._lease is not None and self._lease[1] == fence:
            self._lease = (*self._lease[:2], 0)

    def writer(self):
        return Lease(*self._lease) if self._lease else None

    def cursor(self):
        return self._blocks[-1] if self._blocks else None

    def take(self, blocks, events, *, fence, expect):
        self._check(fence)
        if expect != self.cursor():
            raise WrongState("the cursor moved")
        before, digest = (expect.block, expect.digest) if expect else (None, NO_DIGEST)
        world, pending, taken = self._world(), list(events), []
        if not blocks:
            raise InvalidInput("no blocks")
        for block in blocks:
            if before is not None and (block.number != before.number + 1 or block.parent != before.hash):
                raise InvalidInput("the blocks do not follow each other")
            made = []
            while pending and pending[0].block_hash == block.hash:
                made += [encode(fact) for fact in world.apply(pending.pop(0).event)]
            digest = next_digest(digest, block.hash, made)
            taken.append(Cursor(block, digest))
            before = block
        if pending:
            raise InvalidInput("an event without its block")
        self._blocks += taken
        self._events += events
        return self._blocks[-1]

    def roll_back(self, to, *, fence):
        self._check(fence)
        self._blocks = [held for held in self._blocks if held.block.number <= to]
        self._events = [logged for logged in self._events if logged.block_number <= to]
        return self.cursor()

    def block_at(self, number):
        return next((held.block for held in self._blocks if held.block.number == number), None)

    def blocks_in(self, first, last):
        return [held for held in self._blocks if first <= held.block.number <= last]

    def events_in(self, first, last):
        return [logged for logged in self._events if first <= logged.block_number <= last]

    def intervals_in(self, first, last):
        return [version for version in self._intervals() if first <= version.since <= last]

    def facts_at(self, block):
        self._reach(block)
        return (version.fact for version in self._intervals() if _held(version, block))

    def count_at(self, block):
        return sum(1 for _ in self.facts_at(block))

    def facts_changed(self, since, until):
        self._reach(until)
        return (v.fact for v in self._intervals() if v.since > since and _held(v, until))

    def facts_revoking(self, since, until):
        for fact in self.facts_changed(since, until):
            if isinstance(fact, Refusal) or (isinstance(fact, Consent) and confirmed(fact) is not None):
                yield fact

    def setting_at(self, request, block):
        self._reach(block)
        return self._world(block).setting(request)

    def consents_at(self, subject, block):
        self._reach(block)
        held = self._world(block).consents(subject)
        return None if held is None else tuple(sorted(held, key=lambda consent: consent.id))

    def history(self, kind, first, second=None):
        _known(kind)
        return [version for version in self._intervals() if _is(key_of(version.fact), kind, first, second)]

    def current(self, kind):
        _known(kind)
        return [v.fact for v in self._intervals() if v.until is None and key_of(v.fact)[0] == kind]

    def find(self, kind, keys):
        _known(kind)
        facts = self._world().facts
        return [facts.get((kind, *key, b"", b"")[:3]) for key in keys]

    def interval_of(self, fact):
        return next((v for v in self._intervals() if v.until is None and key_of(v.fact) == key_of(fact)), None)

    def keys(self):
        return iter([key_of(version.fact) for version in self._intervals() if version.until is None])

    def events_for(self, kind, first, second=None):
        places = {(version.since, version.place) for version in self.history(kind, first, second)}
        return [logged for logged in self._events if (logged.block_number, logged.log_index) in places]

    def subjects(self, custodian=None):
        found = [fact for fact in self._world().facts.values() if isinstance(fact, Subject)]
        return sorted(fact.id for fact in found if custodian in (None, fact.custodian))

    def authorities(self, subject):
        return [fact for fact in self.current("Authority") if isinstance(fact, Authority) and fact.subject == subject]

    def head_of(self, log):
        fact = self._world().facts.get(("Head", log, b""))
        return fact if isinstance(fact, Head) else None

    def heads_of(self, log):
        return self._with_events("Head", log)

    def accesses_of(self, log):
        found = self._with_events("Access", log)
        return sorted(found, key=lambda pair: pair[0].index if isinstance(pair[0], Access) else 0)

    def institution(self, id):
        return self._world().institution(id)

    def study(self, id):
        return self._world().study(id)

    def engine(self, id):
        return self._world().engine(id)

    def dataset(self, id):
        return self._world().dataset(id)

    def recovery(self, subject):
        return self._world().recovery(subject)

    def datasets_at(self, block):
        self._reach(block)
        return tuple(sorted(self._world(block).datasets(), key=lambda dataset: dataset.id))

    def custodian_of(self, subject):
        found = self._world().subject(subject)
        return None if found is None else found.custodian

    def terms(self, hash):
        return self._world().terms(hash)

    def consent(self, subject, id):
        return self._world().consent(subject, id)

    def consents(self, subject):
        return self._world().consents(subject)

    def authority(self, subject, signer):
        return self._world().authority(subject, signer)

    def _check(self, fence):
        if self._lease is None or self._lease[1] != fence:
            raise WrongState("the lease is over")

    def _reach(self, block):
        if not self._blocks or self._blocks[-1].block.number < block:
            raise MirrorLagging("not there yet")

    def _world(self, block=None):
        world = World()
        for logged in self._events:
            if block is None or logged.block_number <= block:
                world.apply(logged.event)
        return world

    def _intervals(self):
        world, versions, last = World(), [], {}
        for logged in self._events:
            for fact in world.apply(logged.event):
                if key_of(fact) in last:
                    place = last[key_of(fact)]
                    versions[place] = replace(versions[place], until=logged.block_number)
                last[key_of(fact)] = len(versions)
                versions.append(Interval(fact, logged.block_number, None, logged.log_index))
        return versions

    def _with_events(self, kind, first):
        by_place = {(logged.block_number, logged.log_index): logged for logged in self._events}
        return [(version.fact, by_place[version.since, version.place]) for version in self.history(kind, first)]


def _held(version, block):
    return version.since <= block and (version.until is None or version.until > block)


def _known(kind):
    if kind not in KINDS:
        raise InvalidInput(f"{kind} is no kind")


def _is(key, kind, first, second):
    return key[0] == kind and (kind == "Pause" or key[1] == first) and (second is None or key[2] == second)


class MemoryAudit:
    """``ports.AuditStore`` in lists; a writer works on a copy that replaces the log when its block ends."""

    def __init__(self) -> None:
        self._logs: dict[bytes, _MemoryLog] = {}
        self._lock = threading.Lock()

    @contextmanager
    def writer(self, log):
        with self._lock:
            draft = copy.deepcopy(self._logs.get(log) or _MemoryLog(log))
            yield draft
            self._logs[log] = draft

    def size(self, log):
        return self._logs[log].size if log in self._logs else 0

    def logs(self):
        return [log for log, held in self._logs.items() if held.size]

    def entry(self, log, index):
        return next(self.entries(log, index, index + 1), None)

    def entries(self, log, first, last):
        return iter(self._logs[log].entries[first:last] if log in self._logs else [])

    def rows(self, log, first, last, most):
        found = self.entries(log, first, last)
        while page := list(islice(found, most)):
            yield [
                (
                    entry.index,
                    entry.canonical,
                    entry.leaf,
                    entry.key or None,
                    entry.count if entry.key else None,
                    entry.decision,
                )
                for entry in page
            ]

    def node(self, log, level, index):
        return self.nodes(log).fetch([Place(level, index)])[0]

    def nodes(self, log):
        return self._logs.get(log) or _MemoryLog(log)

    def unlogged(self, _log, _size):
        return []

    def misstored(self, _log):
        return []

    def tiles(self, log, level, first, last):
        held, found = self.nodes(log), {}
        for index in range(first, min(last, first + WIDTH)):
            places = [Place(level * HEIGHT, index * WIDTH + place) for place in range(WIDTH)]
            try:
                found[index] = held.node((level + 1) * HEIGHT, index), b"".join(held.fetch(places))
            except NotFound:
                break
        return found

    def checkpoint(self, log, size=None):
        held = self._logs[log].checkpoints if log in self._logs else {}
        return held.get(max(held, default=0) if size is None else size)

    def checkpoint_over(self, log, index):
        held = self._logs[log].checkpoints if log in self._logs else {}
        return held.get(min((size for size in held if size > index), default=0))

    def decision(self, id):
        return next((record for record, _ in self._decisions() if record.id == id), None)

    def members(self, decision):
        found = [members for record, members in self._decisions() if record.id == decision]
        return sorted(found[0], key=lambda member: member.subject) if found else []

    def erased(self, decision):
        return next((erased for record, _, erased in self._rows() if record.id == decision), {})

    def erase_rows(self, subject):
        return erase_rows(self._rows(), subject)

    def decisions_on(self, subject, *, before="", limit=100):
        made = self._decisions()
        if before:
            made = made[: next((place for place, (record, _) in enumerate(made) if record.id == before), 0)]
        found = [(r, m) for r, members in reversed(made) for m in members if m.subject == subject]
        return found[:limit]

    def entries_of_decision(self, decision):
        record = self.decision(decision)
        own = self.entry(record.log, record.index) if record else None
        naming = [
            entry
            for held in self._logs.values()
            for entry in held.entries
            if decode_object(entry.canonical).get("decision") == decision and entry != own
        ]
        return ([own] if own else []) + naming

    def _decisions(self):
        return [(record, members) for record, members, _ in self._rows()]

    def _rows(self):
        return [row for held in self._logs.values() for row in held.decisions]


class _MemoryLog:
    def __init__(self, log: bytes) -> None:
        self.log = log
        self.entries: list[StoredEntry] = []
        self.tree: dict[tuple[int, int], bytes] = {}
        self.checkpoints: dict[int, Checkpointed] = {}
        self.decisions: list[tuple[DecisionRecord, list[Member], dict[int, bytes]]] = []

    @property
    def size(self):
        return len(self.entries)

    def find(self, key):
        return next((entry for entry in self.entries if key and entry.key == key), None)

    def find_all(self, keys):
        wanted = {key for key in keys if key}
        return {entry.key: entry for entry in self.entries if entry.key in wanted}

    def node(self, level, index):
        return self.fetch([Place(level, index)])[0]

    def fetch(self, places):
        try:
            return [self.entries[at].leaf if level == 0 else self.tree[level, at] for level, at in places]
        except (KeyError, IndexError):
            raise NotFound("not complete") from None

    def append(self, entries, runs):
        if [(e.log, e.index) for e in entries] != [(self.log, self.size + i) for i in range(len(entries))]:
            raise WrongState("not at the end")
        keys = [entry.key for entry in entries if entry.key]
        if len(set(keys)) != len(keys) or any(self.find(key) for key in keys):
            raise Replayed("key used")
        for entry in entries:
            decode_object(entry.canonical)
        leaves = Run(0, self.size, [entry.leaf for entry in entries])
        if any(run.level == 0 and run != leaves for run in runs):
            raise InvalidInput("not its leaf")
        self.entries += entries
        nodes = [
            (run, run.first + place, digest) for run in runs if run.level for place, digest in enumerate(run.hashes)
        ]
        self.tree.update({(run.level, index): digest for run, index, digest in nodes})

    def checkpoint(self, checkpoint):
        held = self.checkpoints.setdefault(checkpoint.size, checkpoint)
        if held.root != checkpoint.root:
            raise Conflict("another root")

    def save_decision(self, record, members):
        if record.log != self.log:
            raise WrongState("another log")
        self.decisions.append((record, list(members), {}))
