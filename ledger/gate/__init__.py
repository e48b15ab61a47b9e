"""What a privacy engine imports: the client of the ledger, the Gate, and one thin adapter for each engine library."""

from ledger.gate.answers import Appended, CohortAnswer
from ledger.gate.client import AsyncLedgerClient, LedgerClient
from ledger.gate.gate import AsyncGate, Gate
from ledger.gate.held import Held
from ledger.gate.plan import EngineIdentity
from ledger.gate.requests import CohortRequest
from ledger.gate.run import AsyncRun, Run
from ledger.gate.watch import Watch

__all__ = [
    "Appended",
    "AsyncGate",
    "AsyncLedgerClient",
    "AsyncRun",
    "CohortAnswer",
    "CohortRequest",
    "EngineIdentity",
    "Gate",
    "Held",
    "LedgerClient",
    "Run",
    "Watch",
]
