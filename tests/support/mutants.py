"""Faulty copies of our own modules, made on purpose: what a test must notice to be worth its time."""

import inspect
import sys
from types import ModuleType


def mutant(module: ModuleType, *changes: tuple[str, str]) -> ModuleType:
    """A copy of ``module`` in whose source each first text is replaced by the second; the module stays as it is.

    A text that is not there exactly once fails: the mutant would test nothing.
    """
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"{module.__name__} holds {source.count(old)} times: {old}"
        source = source.replace(old, new)
    copy = ModuleType(f"{module.__name__}_mutant")
    sys.modules[copy.__name__] = copy  # dataclasses look their module up while they are made
    try:
        exec(compile(source, copy.__name__, "exec"), copy.__dict__)
    finally:
        del sys.modules[copy.__name__]
    return copy
