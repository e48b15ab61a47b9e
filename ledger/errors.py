"""Every error that leaves a room of Consentry.

The tree::

    ConsentryError
    ├── InvalidInput            what was sent is malformed; nothing was written
    │   ├── UnknownCode         a word or bit outside the vocabulary
    │   ├── BadSignature        a signature does not match its act and signer
    │   ├── DeadlinePassed      the act's time is over; sign it again
    │   └── TooLarge            a body, batch or page over its bound
    ├── NotFound                the thing named does not exist (as of the block asked for)
    ├── Conflict                it contradicts what is already there
    │   ├── Replayed            the id or key was used for something else
    │   └── WrongState          not possible in the state the thing is in
    ├── Forbidden               the caller is known, but may not do this
    │   └── ConsentDenied       the ledger answered, and the answer is no
    ├── Unauthenticated         the caller is not known: no token, or not a valid one
    ├── NotReady                no answer can be given now; callers must treat it as deny
    │   ├── MirrorLagging       the copy is older than allowed
    │   ├── ReorgTooDeep        the chain took back final blocks
    │   ├── NodesDisagree       the chain's nodes contradict each other on a final block
    │   └── LedgerUnreachable   the ledger, or its chain node, cannot be reached
    ├── ProofInvalid            a proof, receipt, checkpoint or bundle does not hold
    ├── MirrorDiverged          a row of the copy differs from the chain
    ├── CannotCheck             what a check needs is missing; neither holds nor fails
    └── ConfigurationError      a setting is missing or contradicts another

No HTTP status and no exit code lives here: ``api.errors`` and ``ledger.cli`` map them at the edge. Messages say what
happened and what to do next.
"""


class ConsentryError(Exception):
    """Base of all; never raised itself.

    Attributes:
        index: The place of the item at fault in a request of several; None where there is no such item.
    """

    index: int | None = None


class InvalidInput(ConsentryError):
    """What was sent is malformed; nothing was written."""


class UnknownCode(InvalidInput):
    """A word or bit outside the vocabulary."""


class BadSignature(InvalidInput):
    """A signature does not match its act and signer."""


class DeadlinePassed(InvalidInput):
    """The act's time is over; it must be signed again."""


class TooLarge(InvalidInput):
    """A body, batch or page over its bound."""


class NotFound(ConsentryError):
    """The thing named does not exist, as of the block asked for."""


class Conflict(ConsentryError):
    """It contradicts what is already there."""


class Replayed(Conflict):
    """The id or key was used before for something else."""


class WrongState(Conflict):
    """Not possible in the state the thing is in."""


class Forbidden(ConsentryError):
    """The caller is known, but may not do this."""


class ConsentDenied(Forbidden):
    """The ledger answered, and the answer is no."""


class Unauthenticated(ConsentryError):
    """The caller is not known: no token, or not a valid one."""


class NotReady(ConsentryError):
    """No answer can be given now; callers must treat it as deny."""


class MirrorLagging(NotReady):
    """The copy of the chain is older than allowed."""


class ReorgTooDeep(NotReady):
    """The chain took back blocks that were final."""


class NodesDisagree(NotReady):
    """The chain's nodes contradict each other on a final block."""


class LedgerUnreachable(NotReady):
    """The ledger, or its chain node, cannot be reached."""


class ProofInvalid(ConsentryError):
    """A proof, receipt, checkpoint or bundle does not hold."""


class MirrorDiverged(ConsentryError):
    """A row of the copy differs from what the chain says."""


class CannotCheck(ConsentryError):
    """What a check needs is missing; it neither holds nor fails."""


class ConfigurationError(ConsentryError):
    """A setting is missing, malformed or contradicts another."""
