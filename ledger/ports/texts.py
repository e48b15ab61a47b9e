"""The consent texts that were published here; the chain has their hashes alone."""

from typing import Protocol


class TextStore(Protocol):
    """Texts by the SHA-256 of their UTF-8 bytes."""

    def keep(self, text: str) -> bytes:
        """Keep a text, harmless when it is kept already; returns its hash."""
        ...

    def get(self, digest: bytes) -> str | None:
        """The text with this hash; None when it is not kept, or what is kept has another hash."""
        ...
