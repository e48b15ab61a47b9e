"""What every test process needs before the first test."""

import ledger.chain.evm  # noqa: F401 - tests import py-evm themselves; this puts back the recursion limit that it raises
