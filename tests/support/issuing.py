"""An issuer of tokens at an instant that stands still: its keys, and how they are published."""

from joserfc.jwk import ECKey, OKPKey

NOW = 1_800_000_000
ISSUER = "http://issuer.example"
ENGINE = bytes(31) + b"\x07"


class Stopped:
    def __init__(self, at=NOW):
        self.at = at

    def now(self):
        return self.at


KEY = OKPKey.generate_key("Ed25519")
OTHER = OKPKey.generate_key("Ed25519")
CURVE = ECKey.generate_key("P-256")


def public(key, kid, alg="EdDSA"):
    return {**key.as_dict(private=False), "kid": kid, "alg": alg, "use": "sig"}


JWKS = {"keys": [public(KEY, "one"), public(CURVE, "curve", "ES256")]}
