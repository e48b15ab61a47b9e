"""One place that puts the pieces together from the settings: who may come in, and, locally, who gives out tokens."""

from dataclasses import dataclass

import httpx

from ledger.config import Settings
from ledger.errors import ConfigurationError
from ledger.identity.issuer import LocalIssuer
from ledger.identity.keys import FetchedKeys, FixedKeys
from ledger.identity.tokens import TokenChecker
from ledger.ports import Clock


@dataclass(frozen=True, slots=True)
class Door:
    """How callers are known.

    Args:
        checker: Checks their tokens.
        issuer: The local issuer; None where another issues the tokens.
    """

    checker: TokenChecker
    issuer: LocalIssuer | None


def local_issuer(settings: Settings) -> LocalIssuer:
    """The issuer of this machine.

    Raises:
        ConfigurationError: Tokens come from another issuer, or the key file is broken.
    """
    if settings.jwks_url:
        raise ConfigurationError("tokens come from the issuer at CONSENTRY_JWKS_URL; get one there")
    path = settings.home / "keys" / "issuer.jwk"
    return LocalIssuer(path, issuer=settings.token_issuer, audience=settings.audience)


def open_door(settings: Settings, clock: Clock) -> Door:
    """The door that the settings describe; connects to nothing yet.

    Raises:
        ConfigurationError: The settings contradict each other.
    """
    if not settings.jwks_url:
        if settings.issuer:
            raise ConfigurationError("CONSENTRY_ISSUER is set without CONSENTRY_JWKS_URL; set both or neither")
        issuer = local_issuer(settings)
        return Door(_checker(settings, FixedKeys(issuer.jwks), clock), issuer)
    if not settings.issuer:
        raise ConfigurationError("CONSENTRY_JWKS_URL is set without CONSENTRY_ISSUER; set both or neither")
    url = httpx.URL(settings.jwks_url)
    if url.scheme != "https" and url.host not in {"localhost", "127.0.0.1", "::1"}:
        raise ConfigurationError("CONSENTRY_JWKS_URL must begin with https, except on this machine")
    client = httpx.Client(timeout=5, follow_redirects=False)
    return Door(_checker(settings, FetchedKeys(settings.jwks_url, clock, client), clock), None)


def _checker(settings: Settings, keys: FixedKeys | FetchedKeys, clock: Clock) -> TokenChecker:
    algorithms = ("EdDSA",) if isinstance(keys, FixedKeys) else ("EdDSA", "ES256")
    return TokenChecker(
        keys, issuer=settings.token_issuer, audience=settings.audience, clock=clock, algorithms=algorithms
    )
