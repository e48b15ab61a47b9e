"""The contracts' pure rules against their twins in Python, on any values, such as no ledger would ever hold.

The libraries are compiled here, in a contract that opens them (``contracts/test/mocks/Rules.sol``), and run on an EVM
in this process. Values come from small pools, so that edges meet often.
"""

import functools
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from eth_abi import decode, encode
from eth_utils import function_signature_to_4byte_selector as selector_of

from ledger.domain import policy
from ledger.domain.consent import Consent, Scope, pack_diseases
from ledger.domain.decision import Outcome, Reason
from ledger.domain.policy import Request, Setting
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER, Capacity
from ledger.errors import ConsentryError, InvalidInput, UnknownCode
from ledger.transparency.proofs import verify_consistency
from ledger.transparency.tree import Tree
from tests.unit.domain.cases import ENGINE, INSTITUTION, NOBODY, SETTING, STUDY, SUBJECT, TERMS

solcx = pytest.importorskip("solcx", reason="py-solc-x is not installed")
pyrevm = pytest.importorskip("pyrevm", reason="pyrevm has no wheel for this Python")

ROOT = Path(__file__).parents[3]
PATH = "test/mocks/Rules.sol"
GAS = 3_000_000  # far more than a rule needs; a rule that does not end must fail
ROUNDS = 3_000
TIMES = (0, 1, 5, 6, 9, FOREVER)
CODES = (1, 2, 3, 4)
FACTS = "(uint24,bool,uint8,uint32,uint16,uint16,uint16,uint32,uint40,uint40,uint32,uint40,uint40,uint160)"
STUDY_FACTS = "(bytes32,uint32,uint8,uint8,uint16,uint32,uint40,uint32[][])"
REQUEST = "(bytes32,bytes32,uint16,uint32,uint40,uint40)"
SCOPE = "(uint8,uint8,bytes32,uint16,uint16,uint16,uint32,uint40,uint40,uint40,uint40,uint160,bytes32)"
VERDICT = "(uint8,uint8,bytes32,uint24,uint40)"


def compiler() -> ModuleType:
    loader = SourceFileLoader("compile_contracts", str(ROOT / "scripts" / "compile_contracts"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


class Rules:
    """The opened libraries, deployed."""

    def __init__(self, code: str) -> None:
        self._evm = pyrevm.EVM()
        self._caller = "0x" + "11" * 20
        self._evm.set_balance(self._caller, 10**20)
        self._address = self._evm.deploy(self._caller, bytes.fromhex(code))

    def __call__(self, signature: str, gives: str, *arguments: object) -> tuple:
        name, types = signature.split("(", 1)
        inputs = f"({types}"
        data = selector_of(f"{name}{inputs}") + encode([inputs], [arguments])[32 if "[]" in inputs else 0 :]
        answer = self._evm.message_call(self._caller, self._address, calldata=data, gas=GAS, is_static=True)
        return decode([gives], bytes(answer))[0] if gives.endswith(")") else decode([gives], bytes(answer))


@pytest.fixture(scope="module")
def rules() -> Rules:
    command = compiler()
    try:
        solc = command.find_compiler()
    except command.NoCompilerError as error:
        pytest.skip(str(error))
    if not (command.CONTRACTS / "node_modules" / "@openzeppelin").is_dir():
        pytest.skip("OpenZeppelin is not installed: run `npm install --no-save` in contracts/")
    output = solcx.compile_standard(
        {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in command.collect_sources([PATH]).items()},
            "settings": {
                "evmVersion": "cancun",
                "optimizer": {"enabled": True, "runs": 1},
                "outputSelection": {PATH: {"Rules": ["evm.bytecode.object"]}},
            },
        },
        solc_binary=solc,
    )
    return Rules(output["contracts"][PATH]["Rules"]["evm"]["bytecode"]["object"])


class Draw:
    """Random values from small pools."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def mask(self, bits: int, everything: int) -> int:
        r = self.random
        if r.random() < 0.35:
            return everything
        return functools.reduce(int.__or__, (1 << r.randrange(bits) for _ in range(r.randint(0, 3))), 0)

    def window(self, *, wide: float = 0.5) -> tuple[int, int]:
        if self.random.random() < wide:
            return 0, FOREVER
        first, second = self.random.sample(TIMES, 2)
        return min(first, second), max(first, second)

    def scope(self, *, sound: bool) -> Scope:
        """Sound in what is recorded with a scope, or of any values."""
        r = self.random
        purposes = self.mask(7, ANY16)
        by_disease = purposes != ANY16 and purposes & 8
        diseases = pack_diseases(r.sample(CODES, r.randint(1, 3))) if by_disease else 0
        kind = r.choice((1, 1, 2, 3))
        valid, data = self.window(), self.window(wide=0.7)
        made = Scope(
            effect=r.choice((1, 1, 2)),
            recipient_kind=kind,
            recipient={1: NOBODY, 2: r.choice((INSTITUTION, TERMS)), 3: r.choice((STUDY, TERMS))}[kind],
            purposes=purposes,
            conditions=self.mask(3, ANY16),
            operations=self.mask(2, ANY16),
            categories=self.mask(3, ANY32),
            valid_from=valid[0],
            valid_until=valid[1],
            data_from=data[0],
            data_until=data[1],
            diseases=diseases,
            terms=TERMS,
        )
        if sound:
            return made
        changes = {
            "effect": r.choice((0, 1, 2, 3, 255)),
            "recipient_kind": r.choice((0, 1, 2, 3, 4, 255)),
            "purposes": r.choice((0, 1 << 7, 127, 128 | 1, ANY16 - 1, ANY16, 1 << 15, 8, 9)),
            "conditions": r.choice((0, 1 << 8, 255, ANY16 - 1, ANY16, 1 << 15)),
            "operations": r.choice((0, 1 << 9, 511, ANY16 - 1, ANY16, 1 << 15)),
            "categories": r.choice((0, 1 << 16, 65535, ANY32 - 1, ANY32, 1 << 31)),
            "valid_from": r.choice(TIMES),
            "valid_until": r.choice(TIMES),
            "data_from": r.choice(TIMES),
            "data_until": r.choice(TIMES),
            "diseases": r.choice((0, 1, (1 << 160) - 1)),
        }
        chosen = r.sample(sorted(changes), r.randint(0, 2))
        return replace(made, **{name: changes[name] for name in chosen})


def facts_of(consent: Consent) -> tuple:
    scope = consent.scope
    number = {1: 0, 2: 7 if scope.recipient == INSTITUTION else 8, 3: 17 if scope.recipient == STUDY else 18}
    return (
        consent.version,
        scope.effect == 2,
        scope.recipient_kind,
        number[scope.recipient_kind],
        scope.purposes,
        scope.conditions,
        scope.operations,
        scope.categories,
        scope.valid_from,
        consent.valid_until,
        consent.terms_version,
        scope.data_from,
        scope.data_until,
        scope.diseases,
    )


def test_the_decision_is_that_of_the_function(rules: Rules):
    draw, seen = Draw(1), Counter()
    signature = f"decide(bytes32[],{FACTS}[],{STUDY_FACTS},uint32,{REQUEST},uint40)"
    while seen.total() < ROUNDS:
        r = draw.random
        scopes = [draw.scope(sound=True) for _ in range(r.randint(0, 3))]
        ids = [bytes([number]) * 32 for number in r.sample(range(1, 9), len(scopes))]
        consents = [
            Consent(SUBJECT, id, r.randint(1, 3), scope, r.randint(1, 3), scope.valid_until)
            for id, scope in zip(ids, scopes, strict=True)  # noqa: A001 - the field's word
        ]
        if not all(consent.is_understood() for consent in consents):
            continue
        uses = r.choice((1, 2, 4, 8, 16, 32, 4, 2, 3, 5, 63))
        count = r.randint(0, 2) if uses & 4 else 0  # none: unknown is not vacuously inside
        diseases = tuple(tuple(r.sample(CODES, r.randint(1, 2))) for _ in range(count))
        study = replace(
            SETTING.study,
            number=17,
            uses=uses,
            conditions=draw.mask(3, 0),
            required_terms=r.choice((0, 1, 2, 2)),
            ethics_until=r.choice((FOREVER, 9)),
            diseases=diseases,
        )
        data = draw.window(wide=0.3)
        request = Request(STUDY, ENGINE, r.choice((1, 2)), draw.mask(3, 0) or 1, *data)
        at = r.choice(TIMES[:-2])
        setting = Setting(study, SETTING.institution, replace(SETTING.engine, operations=3))
        expected = policy.decide(request, setting, consents, at)
        outcome, reason, consent, version, until = rules(
            signature,
            VERDICT,
            ids,
            [facts_of(consent) for consent in consents],
            (INSTITUTION, 17, uses, 3, study.conditions, study.required_terms, study.ethics_until, diseases),
            7,
            (STUDY, ENGINE, request.operation, request.categories, *data),
            at,
        )
        assert (outcome, reason, until) == (expected.outcome, expected.reason, expected.valid_until), (
            consents,
            request,
        )
        assert (consent, version) == (expected.consent or bytes(32), expected.version)
        seen[expected.reason] += 1
    assert set(seen) == {
        Reason.PERMITTED,
        Reason.DENIED_BY_SUBJECT,
        Reason.RECONSENT_REQUIRED,
        Reason.NOT_COVERED,
        Reason.NO_CONSENT,
    }
    assert min(seen.values()) > 20, seen


def test_a_disease_use_asks_for_each_disease_of_the_study(rules: Rules):
    """The lanes of a consent's diseases may have gaps: what they hold is looked at, not where."""
    signature = f"decide(bytes32[],{FACTS}[],{STUDY_FACTS},uint32,{REQUEST},uint40)"
    named = {0: (), 1: (1,), 2 | 3 << 64: (2, 3), 1 << 128: (1,)}
    studies = [(), ((1,),), ((0,),), ((9, 1),), ((1,), (2,)), ((2, 9), (3,)), ((9,), (1,)), ((1,), (9,))]
    for purposes in (8, 8 | 64, 64, 4):
        for lanes, codes in named.items():
            for diseases in studies:
                consent = (1, False, 1, 0, purposes, ANY16, ANY16, ANY32, 0, FOREVER, 1, 0, FOREVER, lanes)
                study = (INSTITUTION, 17, 4, 3, 0, 1, FOREVER, diseases)
                request = (STUDY, ENGINE, 1, 1, 0, FOREVER)
                reason = rules(signature, VERDICT, [b"\1" * 32], [consent], study, 7, request, 5)[1]
                inside = purposes & 8 and diseases and all(set(closure) & set(codes) for closure in diseases)
                accepted = purposes == 4 or inside  # health research has every disease in it
                assert reason == (Reason.PERMITTED if accepted else Reason.NOT_COVERED), (purposes, codes, diseases)


def test_a_refusal_is_a_deny_that_no_time_changes(rules: Rules):
    assert rules("refusal(uint8)", VERDICT, 9) == (Outcome.DENY, 9, bytes(32), 0, FOREVER)


def test_a_request_is_sound_where_the_function_finds_it_so(rules: Rules):
    operations = [0, 3, ANY16, *(1 << bit for bit in range(16))]
    categories = [0, 1, 65535, ANY32, *(1 << bit for bit in range(14, 18))]
    for operation in operations:
        for mask in categories:
            for data in ((0, FOREVER), (5, 5), (6, 5), (5, 6)):
                request = Request(STUDY, ENGINE, operation, mask, *data)
                found = rules(f"isSound({REQUEST})", "bool", (STUDY, ENGINE, operation, mask, *data))[0]
                refusal = policy.admissible(request, SETTING, 5)
                assert found == (refusal is not Reason.UNKNOWN_CODE), request


def test_a_scope_is_refused_where_its_check_refuses_it(rules: Rules):
    draw, seen = Draw(2), Counter()
    errors = {
        name: selector_of(f"ConsentRegistry__{name}()")
        for name in ("UnknownCode", "EmptySet", "BadWindow", "BadDiseases")
    }
    for _ in range(2 * ROUNDS):
        scope = draw.scope(sound=draw.random.random() < 0.2)
        scope = replace(scope, recipient=NOBODY if scope.recipient_kind == 1 else STUDY)  # the Directory's to check
        values = [getattr(scope, name) for name in Scope.__slots__]
        fault = rules(f"faultOf({SCOPE})", "bytes4", tuple(values))[0]
        try:
            scope.check()
        except UnknownCode:
            assert fault == errors["UnknownCode"], scope
        except InvalidInput:
            assert fault in set(errors.values()) - {errors["UnknownCode"]}, scope
        else:
            assert fault == bytes(4), scope
        seen[fault] += 1
    assert set(seen) == {bytes(4), *errors.values()}


def test_an_authority_holds_in_its_window_and_cuts_what_is_given_for_another(rules: Rules):
    for capacity in range(6):
        for since in TIMES:
            for until in TIMES:
                for at in (0, 4, 5, 6, FOREVER):
                    found = rules(
                        "authority((uint8,uint40,uint40),uint256,uint40)",
                        "(bool,bool,bool,uint40)",
                        (capacity, since, until),
                        at,
                        6,
                    )
                    cuts = capacity in (Capacity.GUARDIAN, Capacity.PROXY)
                    assert found == (
                        capacity != 0,
                        capacity != 0 and since <= at < until,
                        capacity != Capacity.STAFF,
                        min(until, 6) if cuts else 6,
                    )


def test_a_proof_holds_where_the_verifier_says_so_and_breaks_with_any_bit(rules: Rules):
    tree, random = Tree(), Random(3)
    tree.extend([sha256(bytes([number])).digest() for number in range(33)])
    signature = "verify(uint64,bytes32,uint64,bytes32,bytes32[])"
    for second in range(34):
        for first in range(34):
            sound = 0 < first < second
            proof = tree.consistency_proof(first, second) if sound else []
            roots = [tree.root(size) for size in (first, second)]
            assert rules(signature, "bool", first, roots[0], second, roots[1], proof)[0] == sound, (first, second)
            if not sound:
                continue
            place, bit = random.randrange(len(proof) + 2), 1 << random.randrange(256)
            broken = [*roots, *proof]
            broken[place] = (int.from_bytes(broken[place], "big") ^ bit).to_bytes(32, "big")
            for one, two, nodes in (
                (broken[0], broken[1], broken[2:]),
                (*roots, proof[:-1]),
                (*roots, []),
                (*roots, [*proof, proof[-1]]),
                (roots[0], roots[0], proof),
            ):
                found = rules(signature, "bool", first, one, second, two, nodes)[0]
                assert found == holds(first, second, one, two, nodes), (first, second, place)
                assert not found


def test_a_proof_that_climbs_above_the_roots_is_refused(rules: Rules):
    """Whoever anchors a root may have made it up, such as one whose tree is higher than its size can be."""
    tree = Tree()
    tree.extend([bytes([number]) * 32 for number in range(12)])
    above = bytes(32)
    signature = "verify(uint64,bytes32,uint64,bytes32,bytes32[])"
    for second in range(2, 13):
        for first in range(1, second):
            roots = [sha256(b"\1" + above + tree.root(size)).digest() for size in (first, second)]
            proof = [*tree.consistency_proof(first, second), above]
            assert not rules(signature, "bool", first, roots[0], second, roots[1], proof)[0], (first, second)
            assert not holds(first, second, *roots, proof)


def holds(first: int, second: int, one: bytes, two: bytes, proof: list[bytes]) -> bool:
    """What the verifier in Python says."""
    try:
        verify_consistency(first, second, one, two, proof)
    except ConsentryError:
        return False
    return True
