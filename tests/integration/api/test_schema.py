"""Whatever the OpenAPI document allows, and more, is answered as it says: no 5xx, no answer of another shape.

The questions are made by schemathesis from the document, a few of each operation, from a seed that does not change.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from api.app import assemble

EXAMPLES = 4
NOT_NOW = {"prefer"}  # asks to wait up to a minute
_DOCUMENT = assemble().openapi()
_ENDLESS = "text/event-stream"
SCHEMA = schemathesis.openapi.from_dict(_DOCUMENT)


def _endless(operation) -> bool:
    described = operation.definition.raw.get("responses", {}).values()
    return any(_ENDLESS in one.get("content", {}) for one in described)


OPERATIONS = [held for held in (one.ok() for one in SCHEMA.get_all_operations()) if not _endless(held)]
_CHECKS = CHECKS.get_by_names(["not_a_server_error", "response_schema_conformance"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_every_operation_answers_as_described(service, world, ann, operation):
    tokens = {
        "engine": service.as_("engine", world.engine),
        "institution": service.as_("institution", world.institution),
        "auditor": service.as_("auditor", world.auditor),
        "subject": service.as_("subject", ann[0]),
        "nobody": {},
    }
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases, st.sampled_from(sorted(tokens)))
    def asked(case, role):
        for name in [name for name in case.headers or {} if name.lower() in NOT_NOW]:
            del case.headers[name]
        response = case.call(base_url=str(service.http.base_url), headers=tokens[role], timeout=60)
        if response.status_code == 503:  # says that there is no answer now, which is an answer
            return
        case.validate_response(response, checks=_CHECKS, headers=tokens[role])

    asked()
