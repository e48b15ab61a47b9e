"""py-evm must not leave the process with a stack that nested input can overflow."""

import subprocess
import sys

CODE = """
import sys
before = sys.getrecursionlimit()
import ledger.chain.opening
from ledger.errors import InvalidInput
from ledger.transparency.canonical import decode
assert sys.getrecursionlimit() <= before, sys.getrecursionlimit()
try:
    decode(b"[" * 1_000_000)
except InvalidInput:
    print("refused")
"""


def test_deep_nesting_is_refused_beside_the_embedded_chain():
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=False)
    assert ran.stdout == "refused\n", (ran.returncode, ran.stderr[-1000:])
