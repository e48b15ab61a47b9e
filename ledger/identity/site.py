"""The site whose passkeys are taken, from the settings.

Invariants: an origin that a browser would not give passkeys to is never listed; where the service is reached in such a
way (plain http, an address in numbers) there are no origins, and so no passkey counts.
"""

from urllib.parse import SplitResult, urlsplit

from ledger.config import Settings
from ledger.domain.webauthn import RelyingParty
from ledger.errors import ConfigurationError


def relying_party(settings: Settings) -> RelyingParty:
    """The relying party (WebAuthn) that the settings describe.

    Raises:
        ConfigurationError: A named origin is not one, or lies outside the domain.
    """
    here = urlsplit(settings.url)
    party = settings.rp_id or here.hostname or ""
    if not settings.origins:
        own = f"{here.scheme}://{here.netloc}"
        return RelyingParty(party, frozenset({own} if _fits(here, party) else ()))
    named = settings.origins.split(",")
    for origin in named:
        at = urlsplit(origin)
        if origin != f"{at.scheme}://{at.netloc}" or not _fits(at, party):
            raise ConfigurationError(
                f"passkeys for {party!r} cannot be used at {origin!r}; in CONSENTRY_ORIGINS name https:// and a host "
                f"of that domain (or http://localhost and a port), without a path"
            )
    return RelyingParty(party, frozenset(named))


def _fits(at: SplitResult, party: str) -> bool:
    host = at.hostname or ""
    secure = at.scheme == "https" or (at.scheme == "http" and host == "localhost")
    return secure and (host == party or host.endswith(f".{party}")) and not host.replace(".", "").isdecimal()
