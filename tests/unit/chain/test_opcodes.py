"""The opcodes of the embedded chain against py-evm's own: same result, gas, stack and failure for any code."""

import pytest
from eth import constants
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message
from eth.vm.opcode import _FastOpcode
from eth.vm.transaction_context import BaseTransactionContext
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain.evm import _Computation, _State
from ledger.chain.opcodes import quick

ACCOUNT = b"\x0a" * 20
OPCODES = sorted(PragueComputation.opcodes)
CODE = st.lists(
    st.one_of(st.sampled_from(OPCODES), st.sampled_from((0x60, 0x80, 0x90, 0x55, 0x20)), st.integers(0, 255))
)


def run(state_class, code: bytes, gas: int):
    """What running the code on an empty chain came to."""
    context = ExecutionContext(
        coinbase=ACCOUNT,
        timestamp=1,
        block_number=1,
        difficulty=0,
        mix_hash=bytes(32),
        gas_limit=30_000_000,
        prev_hashes=(),
        chain_id=7,
        base_fee_per_gas=0,
        excess_blob_gas=0,
    )
    state = state_class(AtomicDB(), context, constants.BLANK_ROOT_HASH)
    message = Message(gas=gas, to=ACCOUNT, sender=ACCOUNT, value=0, data=b"\x01" * 40, code=code)
    ran = state.computation_class.apply_computation(state, message, BaseTransactionContext(gas_price=0, origin=ACCOUNT))
    return (
        ran.get_gas_remaining(),
        ran.get_gas_refund(),
        ran.output,
        [str(value) for value in ran._stack.values],
        repr(ran._error),
        ran.get_log_entries(),
    )


@settings(max_examples=300, deadline=None)
@given(code=CODE.map(bytes), gas=st.integers(0, 200_000))
def test_any_code_does_the_same(code, gas):
    assert run(_State, code, gas) == run(PragueState, code, gas)


@pytest.mark.parametrize("gas", [2, 3, 5, 6])
def test_gas_that_runs_out_is_told_as_by_py_evm(gas):
    code = bytes.fromhex("60016002")  # two PUSH1 of 3 gas each
    assert run(_State, code, gas) == run(PragueState, code, gas)
    assert ("OutOfGas" in run(_State, code, gas)[4]) == (gas < 6)


def test_every_opcode_is_there_and_the_plain_ones_are_charged_in_place():
    assert sorted(_Computation.opcodes) == OPCODES
    table = quick(PragueComputation.opcodes)
    for code, opcode in PragueComputation.opcodes.items():
        assert (table[code] is opcode) != isinstance(opcode, _FastOpcode)
