"""Policy engines on our facts and our question: what a consent check costs in Cedar and in casbin.

Both get the consents of the same patients, one each, and must give the answers that we give; patients are few, because
casbin looks at every policy. Cedar gets one policy over the patients as entities, policy and entities parsed before.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import casbin
import cedarpy

from benches import history
from ledger.domain.consent import Consent
from ledger.domain.policy import Request
from ledger.domain.vocabulary import ACCEPTS, Effect, Purpose, Use

Check = Callable[[int], bool]
ACCEPTED = int(ACCEPTS[Use.DISEASE])

_CEDAR = """
permit (principal, action == Action::"use", resource is Patient)
when {
  resource.effect == "permit" &&
  resource.operations.contains(context.operation) &&
  resource.categories.containsAll(context.categories) &&
  (resource.purposes.containsAny(context.accepts) ||
   (resource.purposes.contains(3) && resource.diseases.containsAny(context.closure))) &&
  resource.since <= context.at && context.at < resource.until
};
"""
_CASBIN = """
[request_definition]
r = patient, operation, categories, at
[policy_definition]
p = patient, operations, categories, purposes, diseases, since, until, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = r.patient == p.patient && within(r.operation, p.operations) && within(r.categories, p.categories) && \
    accepted(p.purposes, p.diseases) && during(r.at, p.since, p.until)
"""


def cedar(consents: Sequence[Consent], request: Request) -> Check:
    """The check in Cedar, of a patient by its place."""
    policies = cedarpy.PolicySet.from_str(_CEDAR)
    entities = cedarpy.Entities.from_json_str(json.dumps([_entity(place, one) for place, one in enumerate(consents)]))
    context = {
        "operation": _bits(request.operation)[0],
        "categories": _bits(request.categories),
        "accepts": _bits(ACCEPTED),
        "closure": list(history.LUNG_CANCER),
        "at": history.NOW,
    }

    def check(place: int) -> bool:
        asked = {
            "principal": 'Engine::"engine"',
            "action": 'Action::"use"',
            "resource": f'Patient::"{place}"',
            "context": context,
        }
        return bool(cedarpy.is_authorized(asked, policies, entities).allowed)

    return check


def in_casbin(consents: Sequence[Consent], request: Request) -> Check:
    """The check in casbin, of a patient by its place."""
    model = casbin.model.Model()
    model.load_model_from_text(_CASBIN)
    enforcer = casbin.Enforcer(model)
    enforcer.add_function("within", lambda asked, allowed: not asked & ~int(allowed))
    enforcer.add_function("during", lambda at, since, until: int(since) <= at < int(until))
    closure = set(history.LUNG_CANCER)

    def accepted(purposes: str, diseases: str) -> bool:
        if int(purposes) & ACCEPTED:
            return True
        return bool(int(purposes) & Purpose.DS) and not closure.isdisjoint(map(int, diseases.split()))

    enforcer.add_function("accepted", accepted)
    enforcer.add_policies([_policy(place, one) for place, one in enumerate(consents)])
    operation, categories = int(request.operation), int(request.categories)

    def check(place: int) -> bool:
        return bool(enforcer.enforce(str(place), operation, categories, history.NOW))

    return check


def _entity(place: int, consent: Consent) -> dict[str, Any]:
    scope = consent.scope
    return {
        "uid": {"type": "Patient", "id": str(place)},
        "attrs": {
            "effect": "permit" if scope.effect == Effect.PERMIT else "deny",
            "operations": _bits(scope.operations),
            "categories": _bits(scope.categories),
            "purposes": _bits(scope.purposes),
            "diseases": sorted(scope.disease_codes()),
            "since": scope.valid_from,
            "until": consent.valid_until,
        },
        "parents": [],
    }


def _policy(place: int, consent: Consent) -> list[str]:
    scope = consent.scope
    return [
        str(place),
        str(scope.operations),
        str(scope.categories),
        str(scope.purposes),
        " ".join(map(str, sorted(scope.disease_codes()))),
        str(scope.valid_from),
        str(consent.valid_until),
        "allow" if scope.effect == Effect.PERMIT else "deny",
    ]


def _bits(mask: int) -> list[int]:
    return [place for place in range(32) if mask >> place & 1]
