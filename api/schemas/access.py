"""AuthZEN 1.0 forms. Unknown fields are ignored, as the standard asks; types are strict.

Source: https://openid.net/specs/authorization-api-1_0.html sections 5 to 8
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.authzen import port
from api.schemas.base import Answer

Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]
LONGEST_TOKEN = 512


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class TypedForm(_Form):
    """A subject or resource that is looked for: an ``id`` is ignored."""

    type: str = Field(min_length=1)
    properties: dict[str, Any] = Field(default_factory=dict)

    def value(self) -> port.Entity:
        """The value."""
        return port.Entity(self.type, "", self.properties)


class EntityForm(TypedForm):
    """A subject or resource."""

    id: str = Field(min_length=1)

    def value(self) -> port.Entity:
        """The value."""
        return port.Entity(self.type, self.id, self.properties)


class ActionForm(_Form):
    """What is to be done."""

    name: str = Field(min_length=1)
    properties: dict[str, Any] = Field(default_factory=dict)

    def value(self) -> port.Action:
        """The value."""
        return port.Action(self.name, self.properties)


class Evaluation(_Form):
    """One question. Subject: the engine. Action: the operation. Resource: the patient. Context: study, categories."""

    subject: EntityForm
    action: ActionForm
    resource: EntityForm
    context: dict[str, Any] = Field(default_factory=dict)

    def value(self) -> port.Question:
        """The value."""
        return port.Question(self.subject.value(), self.action.value(), self.resource.value(), self.context)


class Options(_Form):
    """How the questions of a request belong together."""

    evaluations_semantic: Semantic = "execute_all"


class Evaluations(_Form):
    """Several questions; what one leaves out is taken, as a whole, from the fields beside them."""

    subject: EntityForm | None = None
    action: ActionForm | None = None
    resource: EntityForm | None = None
    context: dict[str, Any] | None = None
    evaluations: list[dict[str, Any]] = Field(default_factory=list)
    options: Options = Field(default_factory=Options)


class Page(_Form):
    """Which part of the results: at most ``limit``, after those that came with ``token``."""

    token: str = Field(default="", max_length=LONGEST_TOKEN)
    limit: int | None = Field(default=None, ge=1)


class SubjectSearch(_Form):
    """Who may do this action on this resource?"""

    subject: TypedForm
    action: ActionForm
    resource: EntityForm
    context: dict[str, Any] = Field(default_factory=dict)
    page: Page = Field(default_factory=Page)

    def value(self) -> port.Question:
        """The value, without the id that is looked for."""
        return port.Question(self.subject.value(), self.action.value(), self.resource.value(), self.context)


class ResourceSearch(_Form):
    """On what may this subject do this action?"""

    subject: EntityForm
    action: ActionForm
    resource: TypedForm
    context: dict[str, Any] = Field(default_factory=dict)
    page: Page = Field(default_factory=Page)

    def value(self) -> port.Question:
        """The value, without the id that is looked for."""
        return port.Question(self.subject.value(), self.action.value(), self.resource.value(), self.context)


class ActionSearch(_Form):
    """What may this subject do on this resource?"""

    subject: EntityForm
    resource: EntityForm
    context: dict[str, Any] = Field(default_factory=dict)
    page: Page = Field(default_factory=Page)

    def value(self) -> port.Question:
        """The value, without the name that is looked for."""
        return port.Question(self.subject.value(), port.Action(), self.resource.value(), self.context)


class EvaluationAnswer(Answer):
    """A decision, and why. ``context`` holds outcome, reason, consent, version, block and valid_until."""

    decision: bool
    context: dict[str, Any] | None = None


class EvaluationsAnswer(Answer):
    """The decisions, in order; fewer than were asked where the first deny or permit ended it."""

    evaluations: list[EvaluationAnswer]


class PageAnswer(Answer):
    """``next_token`` asks for the next page; empty on the last one."""

    next_token: str
    count: int


class EntitiesAnswer(Answer):
    """The subjects or resources found."""

    results: list[dict[str, str]]
    page: PageAnswer


class ActionsAnswer(Answer):
    """The actions found."""

    results: list[dict[str, str]]
    page: PageAnswer


class ConfigurationAnswer(Answer):
    """Where the decision point's addresses are."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str
