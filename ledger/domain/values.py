"""Frozen dataclasses that are made by the ten thousand.

Invariant: a class made ``quick`` behaves in all else as it did: frozen, equal by value, hashable, taken by
``dataclasses.replace`` and ``fields``.

The ``__init__`` of a frozen dataclass sets each field past its own guard by ``object.__setattr__``, 0.3 microseconds a
field: the four values of one mirrored consent, with their 37 fields, cost more than reading it from the node.
"""

from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")


def quick(frozen: type[_T]) -> type[_T]:
    """Let a frozen dataclass with slots be made as fast as one that is not frozen.

    While its fields are set, and before anybody else can see it, an object is of a twin class without the guard.

    Args:
        frozen: A ``@dataclass(frozen=True, slots=True)`` without ``__post_init__`` and default factories.
    """
    assert is_dataclass(frozen)
    assert not hasattr(frozen, "__post_init__")
    names = [field.name for field in fields(frozen)]
    defaults = tuple(field.default for field in fields(frozen) if field.default is not MISSING)
    twin = type(frozen.__name__, (), {"__slots__": names, "__doc__": frozen.__doc__})
    settings = "; ".join(f"self.{name} = {name}" for name in names)
    source = f"""def __init__(self, {", ".join(names)}):
    turn(self, "__class__", twin); {settings}; self.__class__ = frozen"""
    scope: dict[str, Any] = {"turn": object.__setattr__, "twin": twin, "frozen": frozen}
    exec(source, scope)  # noqa: S102 - names of fields alone, as dataclasses themselves do
    made = scope["__init__"]
    made.__defaults__ = defaults
    made.__qualname__ = f"{frozen.__qualname__}.__init__"
    made.__annotations__ = frozen.__init__.__annotations__
    frozen.__init__ = made  # type: ignore[method-assign]
    return frozen
