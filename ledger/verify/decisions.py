"""What a bundle shows of decisions: their signed receipts, and the rows that they committed to.

Invariant: a row that was erased counts for its commitment, and for nothing else.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import takewhile

from ledger.domain.audit import Member
from ledger.domain.computation import mapping
from ledger.domain.decision import Outcome, Reason
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import Request
from ledger.domain.wording import request_from_json
from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.provenance import bundle as form
from ledger.transparency import canonical
from ledger.transparency.cohort import Cohort
from ledger.transparency.keys import KeySet
from ledger.transparency.receipt import DecisionReceipt, open_decision
from ledger.verify.bundle import Bundle
from ledger.verify.chain import Linked
from ledger.verify.log import Recomputed
from ledger.verify.registers import check_register

_REASONS = {reason.code: reason for reason in Reason}
_OUTCOMES = {outcome.name.lower(): outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Case:
    """A decision as the bundle shows it.

    Its line, its request, its opened receipt; where its members start; the leaves of its erased rows by their places.
    """

    line: form.DecisionLine
    request: Request
    receipt: DecisionReceipt
    members_at: int | None = None
    erased: Mapping[int, bytes] = field(default_factory=dict)


def read_cases(bundle: Bundle) -> list[Case]:
    """Open every decision, in the order of their entries.

    Raises:
        ProofInvalid: A request is malformed, or a receipt is not signed, or they do not belong together.
    """
    keys = bundle.receipt_keys()
    cases: list[Case] = []
    for _, line in bundle.lines(form.DECISIONS, form.DecisionLine):
        what = f"{form.DECISIONS}, decision {line.decision}"
        try:
            request = request_from_json(line.request)
            receipt = open_decision(line.receipt, keys)
        except (InvalidInput, ProofInvalid) as problem:
            raise ProofInvalid(f"{what}: {problem}") from problem
        if receipt.request != sha256(canonical.encode(line.request)).digest():
            raise ProofInvalid(f"{what}: the receipt is for another request")
        if (receipt.decision, receipt.block_number) != (line.decision, line.block):
            raise ProofInvalid(f"{what}: the receipt is of another decision or block")
        if cases and cases[-1].line.index >= line.index:
            raise ProofInvalid(f"{what}: out of the order of the entries")
        cases.append(Case(line, request, receipt))
    if len(cases) != bundle.manifest.decisions:
        raise ProofInvalid(f"{form.DECISIONS}: {len(cases)} decisions, the manifest says {bundle.manifest.decisions}")
    return cases


def check_receipts(cases: Sequence[Case], log: Recomputed, linked: Linked) -> str:
    """Every decision entry has its receipt, at a block of the chain, and stands before what rests on it.

    Raises:
        ProofInvalid: One does not; the message names the decision.
    """
    log.must_be_known()
    if log.early is not None:
        index, decision = log.early
        raise ProofInvalid(
            f"{form.ENTRIES}, entry {index}: it names decision {decision}, which does not stand before it"
        )
    listed = {case.line.index: case for case in cases}
    for index, entry in log.decisions.items():
        if index not in listed:
            raise ProofInvalid(f"{form.DECISIONS}: the decision of entry {index} ({entry.get('decision')}) is missing")
    for case in cases:
        what = f"{form.DECISIONS}, decision {case.line.decision}"
        found = log.decisions.get(case.line.index)
        if found is None or not _matches(found, case):
            raise ProofInvalid(f"{what}: entry {case.line.index} does not say the same")
        header = linked.wanted.get(case.receipt.block_number)
        if header is None or header.hash != case.receipt.block_hash:
            raise ProofInvalid(f"{what}: its block {case.receipt.block_number} is not the one on the chain")
    return f"{len(cases)} decisions have their signed receipts, at blocks of this chain"


def with_members(bundle: Bundle, cases: Sequence[Case]) -> list[Case]:
    """The cases with the places of their rows, and with what is left of erased ones.

    Raises:
        CannotCheck: The bundle was made without the rows.
        ProofInvalid: The rows are not grouped in the order of the decisions.
    """
    if not bundle.manifest.members:
        raise CannotCheck("the bundle was made without the subjects' rows: ask for one with them to check this")
    starts: dict[str, int] = {}
    order: list[str] = []
    for at, line in bundle.lines(form.MEMBERS, form.MemberLine):
        if not order or order[-1] != line.decision:
            order.append(line.decision)
            starts[line.decision] = at
    if order != [case.line.decision for case in cases if case.line.decision in starts]:
        raise ProofInvalid(f"{form.MEMBERS}: the rows are not in the order of the decisions, or of an unknown one")
    erased = _erased(bundle)
    if not erased.keys() <= {case.line.decision for case in cases}:
        raise ProofInvalid(f"{form.ERASED}: a row is of an unknown decision")
    return [
        replace(case, members_at=starts.get(case.line.decision), erased=erased.get(case.line.decision, {}))
        for case in cases
    ]


def _erased(bundle: Bundle) -> dict[str, dict[int, bytes]]:
    found: dict[str, dict[int, bytes]] = defaultdict(dict)
    if form.ERASED in bundle.archive.members:
        for _, line in bundle.lines(form.ERASED, form.ErasedLine):
            if line.place in found[line.decision]:
                raise ProofInvalid(f"{form.ERASED}, decision {line.decision}: row {line.place} stands twice")
            found[line.decision][line.place] = bytes.fromhex(line.leaf[2:])
    return found


def members_of(bundle: Bundle, case: Case) -> Iterator[Member]:
    """The rows of a decision, in the order of the subjects.

    Raises:
        ProofInvalid: A row is malformed.
    """
    if case.members_at is None:
        return
    lines = bundle.lines(form.MEMBERS, form.MemberLine, case.members_at)
    for _, line in takewhile(lambda item: item[1].decision == case.line.decision, lines):
        if line.outcome not in _OUTCOMES or line.reason not in _REASONS:
            raise ProofInvalid(f"{form.MEMBERS}, decision {line.decision}: an outcome or reason is unknown")
        yield Member(
            subject=bytes.fromhex(line.subject[2:]),
            salt=bytes.fromhex(line.salt[2:]),
            outcome=_OUTCOMES[line.outcome],
            reason=_REASONS[line.reason],
            consent=None if line.consent is None else bytes.fromhex(line.consent[2:]),
            version=line.version,
        )


def subjects_of(bundle: Bundle) -> frozenset[bytes]:
    """Every subject whose row the bundle shows."""
    if not bundle.manifest.members:
        return frozenset()
    return frozenset(bytes.fromhex(line.subject[2:]) for _, line in bundle.lines(form.MEMBERS, form.MemberLine))


def check_cohorts(
    bundle: Bundle, cases: Sequence[Case], log: Recomputed, enrolled: Mapping[bytes, int] | None = None
) -> str:
    """The rows of each decision make its commitment and its counts.

    Args:
        bundle: The bundle.
        cases: Its decisions, with their rows.
        log: Its entries.
        enrolled: The block at which each subject was enrolled, where that is proved.

    Raises:
        ProofInvalid: They do not; the message names the decision.
    """
    rows = erased = 0
    for case in cases:
        what = f"{form.MEMBERS}, decision {case.line.decision}"
        members = list(members_of(bundle, case))
        permitted = [member.outcome == Outcome.PERMIT for member in members]
        try:
            cohort = Cohort(
                [member.subject for member in members], permitted, b"".join(m.salt for m in members), case.erased
            )
        except InvalidInput as problem:
            raise ProofInvalid(f"{what}: {problem}") from problem
        if cohort.commitment != case.receipt.cohort:
            raise ProofInvalid(f"{what}: the rows are not those that the decision committed to")
        facts = log.decisions[case.line.index]["facts"]
        if "register" in facts:
            shown = [member.subject for member in members]
            check_register(what, mapping(facts["register"]), case.receipt, shown, len(case.erased), enrolled)
        if not canonical.same(facts.get("considered"), len(members) + len(case.erased)):
            raise ProofInvalid(f"{what}: entry {case.line.index} counts other rows")
        said = facts.get("permitted")
        if type(said) is not int or not 0 <= said - sum(permitted) <= len(case.erased):
            raise ProofInvalid(f"{what}: entry {case.line.index} counts other rows as permitted")
        if len(case.erased) > log.erasures[case.line.index]:
            raise ProofInvalid(f"{what}: rows are erased, and no entry of the log tells of it")
        rows += len(members)
        erased += len(case.erased)
    detail = f"{len(cases)} commitments recomputed from {rows} rows"
    return detail + (f", and from the leaves of {erased} that were erased, as the log says" if erased else "")


def _matches(entry: dict[str, object], case: Case) -> bool:
    facts = entry.get("facts")
    receipt = case.receipt
    cohort = receipt.cohort
    if not isinstance(facts, dict) or cohort is None:
        return False
    known = {name: case.line.request[name] for name in ("study", "engine", "operation")}
    known |= {
        "decision": case.line.decision,
        "block": {"number": receipt.block_number, "hash": to_hex(receipt.block_hash)},
    }
    told = {
        "request": to_hex(receipt.request),
        "receipt": to_hex(sha256(case.line.receipt.encode()).digest()),
        "outcome": receipt.outcome,
        "at": receipt.at,
        "cohort": {"size": cohort.size, "root": to_hex(cohort.root)},
    }
    said = [{name: entry.get(name) for name in known}, {name: facts.get(name) for name in told}]
    return canonical.same(said, [known, told])


def verify_receipt(jws: str, jwks: dict[str, object]) -> DecisionReceipt:
    """Check a single decision receipt against a JWKS document.

    Args:
        jws: The receipt.
        jwks: The issuer's key document, which you must have from elsewhere.

    Raises:
        ProofInvalid: It does not hold.
        CannotCheck: There is no key.
    """
    try:
        return open_decision(jws, KeySet.from_jwks(jwks))
    except InvalidInput as problem:
        raise ProofInvalid(f"the key document cannot be used: {problem}") from problem
