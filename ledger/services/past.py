"""Deciding by the chain as it stood at a block: the patients' rule, then the data-use layer, from the mirror's history.

What waited in the outbox then, and what the operator had loaded, is not on the chain, and does not count here.
"""

from ledger.domain.decision import Decision
from ledger.domain.policy import Request, decide
from ledger.domain.release import Release, judge, restrict
from ledger.errors import MirrorLagging
from ledger.services.context import Context


class Past:
    """A request as of a block.

    Args:
        context: The ports.
        request: What is asked.
        block: The block's number; the mirror must have come to it.

    Raises:
        MirrorLagging: It has not.
    """

    def __init__(self, context: Context, request: Request, block: int) -> None:
        self._mirror = context.mirror
        self._request = request
        self._block = block
        self._setting = context.mirror.setting_at(request, block)
        self._datasets = context.mirror.datasets_at(block)
        self._releases: dict[tuple[bytes, int], Release] = {}

    def decide(self, subject: bytes, at: int) -> Decision:
        """The decision on one subject at an instant (seconds UTC).

        Raises:
            MirrorLagging: The subject's enrolment was taken back while this was asked.
        """
        consents = self._mirror.consents_at(subject, self._block)
        found = decide(self._request, self._setting, consents, at)
        if not found.permitted:
            return found
        study, custodian = self._setting.study, self._mirror.custodian_of(subject)
        if study is None or custodian is None:
            raise MirrorLagging("the copy of the chain changed while it was read; ask again")
        release = self._releases.get((custodian, at))
        if release is None:
            release = judge(self._request, study, custodian, self._datasets, at, None)
            self._releases[custodian, at] = release
        return restrict(found, release)
