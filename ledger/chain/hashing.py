"""Keccak-256, from the fastest implementation that is installed."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from eth_hash.auto import keccak as _keccak


def _fastest() -> Callable[[bytes], bytes]:
    try:
        hasher = import_module("sha3").keccak_256  # safe-pysha3: three times as fast; not a wheel on every platform
    except ImportError:
        return _keccak

    def fast(data: bytes) -> bytes:
        return cast("bytes", hasher(data).digest())

    return fast


keccak = _fastest()
"""Keccak-256 of some bytes: 32 bytes."""
