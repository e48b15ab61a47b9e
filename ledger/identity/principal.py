"""Who asks: roles, the scopes that each may hold, and the principal that a token proves.

Invariants: a scope is one kind of act; a token never gives more than its role may hold, whatever it claims; an unknown
role or scope gives nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from ledger.domain.identifiers import to_hex
from ledger.errors import Forbidden


class Role(StrEnum):
    """What a caller is; the caller's id is the engine's, the subject's, the institution's and so on."""

    ENGINE = "engine"
    SUBJECT = "subject"
    INSTITUTION = "institution"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    STEWARD = "steward"


class Scope(StrEnum):
    """Kinds of acts that a token can allow (RFC 6749 section 3.3)."""

    DIRECTORY_ADMIT = "directory:admit"
    STUDY_WRITE = "study:write"
    STUDY_APPROVE = "study:approve"
    SUBJECT_ENROL = "subject:enrol"
    SUBJECT_READ = "subject:read"
    CONSENT_WRITE = "consent:write"
    DECISION_CHECK = "decision:check"
    COHORT_READ = "cohort:read"
    AUDIT_APPEND = "audit:append"
    AUDIT_READ = "audit:read"
    OVERRIDE_WRITE = "override:write"
    VERIFICATION_WRITE = "verification:write"
    EXPORT_CREATE = "export:create"
    ANCHOR_WRITE = "anchor:write"
    VAULT_READ = "vault:read"
    VAULT_WRITE = "vault:write"
    SUBJECT_ERASE = "subject:erase"


SCOPES_OF: dict[Role, frozenset[Scope]] = {
    Role.ENGINE: frozenset({Scope.DECISION_CHECK, Scope.COHORT_READ, Scope.AUDIT_APPEND}),
    Role.SUBJECT: frozenset({Scope.CONSENT_WRITE, Scope.SUBJECT_READ}),
    # A custodian's desk carries acts that its patients signed; it cannot sign for them. It may look at decisions for
    # its own engines; only an engine can have one recorded to act on.
    Role.INSTITUTION: frozenset(
        {
            Scope.STUDY_WRITE,
            Scope.SUBJECT_ENROL,
            Scope.SUBJECT_READ,
            Scope.CONSENT_WRITE,
            Scope.DECISION_CHECK,
            Scope.AUDIT_READ,
            Scope.ANCHOR_WRITE,
            Scope.OVERRIDE_WRITE,
            Scope.VERIFICATION_WRITE,
            Scope.VAULT_READ,
            Scope.VAULT_WRITE,
            Scope.SUBJECT_ERASE,
        }
    ),
    Role.REVIEWER: frozenset({Scope.STUDY_APPROVE}),
    Role.AUDITOR: frozenset(
        {
            Scope.SUBJECT_READ,
            Scope.AUDIT_READ,
            Scope.EXPORT_CREATE,
            Scope.ANCHOR_WRITE,
            Scope.VERIFICATION_WRITE,
        }
    ),
    Role.STEWARD: frozenset({Scope.DIRECTORY_ADMIT}),
}
"""The most that a token of each role can allow; also what a local token allows when none are named."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token was checked.

    Args:
        role: What it is.
        id: Its 32-byte id.
        scopes: What it may do.
        expires: When its token ends, seconds UTC.
    """

    role: Role
    id: bytes
    scopes: frozenset[Scope]
    expires: int

    @property
    def actor(self) -> str:
        """The name that log entries carry, such as ``engine:0x..``."""
        return f"{self.role.value}:{to_hex(self.id)}"

    def require(self, scope: Scope) -> None:
        """Go on only with a scope.

        Raises:
            Forbidden: The token does not allow it.
        """
        if scope not in self.scopes:
            raise Forbidden(f"this needs a token with the scope {scope.value}; ask the issuer for one")
