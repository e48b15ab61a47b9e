"""A second start finds all its data; what was asked once is not done twice; a busy caller is held back."""

import pytest
from httpx import Response

from tests.support.service import WAIT, Service, fresh_id

PER_MINUTE = 30


def held_back(service: Service, before: int, **request) -> Response:
    """The first refusal of a caller that keeps asking; two minutes' worth, as a minute may turn on the way."""
    for _ in range(2 * PER_MINUTE + 1):
        answer = service.http.get("/v1/studies", **request)
        if answer.status_code == 429:
            return answer
        assert answer.status_code == before
    pytest.fail("nobody held the caller back")


def test_a_second_start_finds_everything_and_does_nothing_again(tmp_path):
    steward, key = fresh_id(), {"Idempotency-Key": fresh_id()}
    first = Service(tmp_path)
    try:
        body = {"name": "Sundown Hospital"}
        made = first.post("/v1/institutions", body, "steward", steward, 200, **WAIT, **key).json()
        keys = first.http.get("/.well-known/jwks.json").json()
        token = first.token("steward", steward)
        head = first.http.get("/v1/domain").json()["head"]
    finally:
        first.close()
    second = Service(tmp_path, requests_per_minute=PER_MINUTE)
    try:
        assert second.http.get("/.well-known/jwks.json").json() == keys
        assert second.http.get("/v1/domain").json()["head"] == head
        answer = second.http.get("/v1/institutions", headers={"Authorization": f"Bearer {token}"})
        # Another port is another issuer, as the issuer is the service's own address.
        assert answer.status_code == (200 if first.settings.port == second.settings.port else 401)
        listed = second.get("/v1/institutions", "steward", steward)["institutions"]
        assert [one["id"] for one in listed] == [made["id"]]
        again = second.post("/v1/institutions", body, "steward", steward, **WAIT, **key)
        assert again.status_code in {200, 409}, again.text
        assert len(second.get("/v1/institutions", "steward", steward)["institutions"]) == 1

        held = held_back(second, 200, headers=second.as_("steward", steward))
        assert int(held.headers["Retry-After"]) >= 1
        assert second.get("/v1/studies", "steward", fresh_id()) == {"studies": [], "next": None}
        held_back(second, 401)
    finally:
        second.close()
