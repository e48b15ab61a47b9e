"""Differentially private statistics with OpenDP, on permitted rows alone.

Accounting is zero-concentrated differential privacy (zCDP): losses add up exactly, which is what a budget needs, and
epsilon at a delta is derived from the total for people. Neighbours differ by adding or removing one patient, so that
the number of patients is protected as well: a mean is a noisy sum over a noisy count. Noise is the discrete Gaussian on
whole numbers; values are rounded to a grid first, since floats leak through their last bits.

Every statistic is held back until the run is completed, and its bounds, sensitivity, noise and loss are facts of the
run's entry. A rho that is spent stays spent, whatever becomes of the run.

Sources: https://docs.opendp.org, https://arxiv.org/abs/1605.02065 (zCDP), https://arxiv.org/abs/2004.00010 (noise).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from types import ModuleType
from typing import Any, Final

from ledger.errors import ConfigurationError, InvalidInput
from ledger.gate import rows
from ledger.gate.held import Held
from ledger.gate.run import AsyncRun, Run

Number = Decimal | int | str
MECHANISM: Final = "discrete gaussian"
_WIDEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """A released statistic.

    Attributes:
        value: The estimate; noise is in it.
        rho: The zCDP loss of this one statistic.
    """

    value: Decimal
    rho: Decimal


@dataclass(frozen=True, slots=True)
class Loss:
    """What one run has lost: zCDP rho, and the epsilon at ``delta`` that it implies (rounded up)."""

    rho: Decimal
    epsilon: Decimal
    delta: Decimal


class PrivateStatistics:
    """The statistics of one run, under one bound on the privacy loss.

    Args:
        run: The run; the rows come through its ``permitted``.
        frame: All rows that the engine has, permitted or not.
        id_column: The column with the subject ids, 0x-hex.
        rho: The most that all statistics together may lose, in zCDP, such as ``"0.5"``.
        delta: The delta at which epsilon is told.
        contributions: The most rows that one patient may have.

    Raises:
        ConfigurationError: OpenDP is not installed.
        InvalidInput: A number is not one, or a patient has more rows than ``contributions``.
    """

    def __init__(
        self,
        run: Run | AsyncRun,
        frame: object,
        *,
        id_column: str,
        rho: Number,
        delta: Number = "0.000001",
        contributions: int = 1,
    ) -> None:
        self._dp: Final = library()
        self._run: Final = run
        self._bound: Final = _positive(rho, "rho")
        self._delta: Final = _positive(delta, "delta")
        self._contributions: Final = contributions
        self._spent = Decimal(0)
        self._releases: list[dict[str, Any]] = []
        self._rows: Final = run.permitted(frame, id_column=id_column)
        if self._delta >= 1:
            raise InvalidInput(f"delta must be less than 1, not {self._delta}")
        most = max(Counter(rows.ids_of(self._rows, id_column)).values(), default=0)
        if most > contributions:
            raise InvalidInput(f"a patient has {most} rows, but the noise is for {contributions}: set contributions")

    @property
    def loss(self) -> Loss:
        """What has been spent so far."""
        return Loss(self._spent, epsilon_of(self._spent, self._delta), self._delta)

    def count(self, name: str, *, rho: Number) -> Held[Estimate]:
        """How many rows there are.

        Args:
            name: The output's name.
            rho: What it may lose.

        Raises:
            InvalidInput: The bound would be passed; nothing was computed.
        """
        loss = self._reserve(rho)
        with _translated(self._dp):
            context = self._context([0] * rows.count_of(self._rows), loss, queries=1)
            query = context.query().count().gaussian()
            scale = query.param()
            estimate = max(0, int(query.release()))
        self._record(name, "count", loss, [_noise("count", self._contributions, scale)])
        return self._hold(name, Decimal(estimate), loss)

    def mean(
        self, name: str, column: str, *, bounds: tuple[Number, Number], rho: Number, unit: Number = 1
    ) -> Held[Estimate]:
        """The mean of a column; rows without a value are left out, values outside the bounds are moved to them.

        Args:
            name: The output's name.
            column: A column of numbers.
            bounds: The least and the greatest value, known without looking at the data.
            rho: What it may lose; half goes to the sum, half to the count.
            unit: The grid that values are rounded to.

        Raises:
            InvalidInput: The bound on the loss would be passed, bounds are no bounds, or a value is not a number.
        """
        grid = _positive(unit, "unit")
        low, high = (math.floor(_decimal(bound, "bounds") / grid) for bound in bounds)
        if not low < high or max(abs(low), abs(high)) > _WIDEST:
            raise InvalidInput(f"the bounds {bounds} of {column!r} must rise, and hold fewer than 2^31 steps of {grid}")
        present = [value for value in rows.column_of(self._rows, column) if value is not None]
        steps = [min(max(_step(value, grid, column), low), high) for value in present]
        ratio = self._ratio(name, "mean", column, steps, (low, high), (low + high) // 2, rho)
        return self._hold(name, (ratio * grid).quantize(grid / 100), _decimal(rho, "rho"))

    def proportion(self, name: str, column: str, *, rho: Number) -> Held[Estimate]:
        """The share of rows in which a column of true and false is true; rows without a value are left out.

        Args:
            name: The output's name.
            column: A column of booleans, or of 0 and 1.
            rho: What it may lose; half goes to each of the two counts.

        Raises:
            InvalidInput: The bound on the loss would be passed, or a value is neither true nor false.
        """
        present = [value for value in rows.column_of(self._rows, column) if value is not None]
        if any(value not in {0, 1} for value in present):
            raise InvalidInput(f"the column {column!r} of a proportion must hold true and false alone")
        ratio = self._ratio(name, "proportion", column, [int(value) for value in present], (0, 1), 0, rho)
        return self._hold(name, ratio.quantize(Decimal("0.0001")), _decimal(rho, "rho"))

    def _ratio(
        self,
        name: str,
        statistic: str,
        column: str,
        steps: Sequence[int],
        bounds: tuple[int, int],
        middle: int,
        rho: Number,
    ) -> Decimal:
        """A noisy sum about ``middle`` over a noisy count, moved into the bounds: all after the noise, so free."""
        loss = self._reserve(rho)
        low, high = bounds[0] - middle, bounds[1] - middle
        with _translated(self._dp):
            context = self._context([step - middle for step in steps], loss, queries=2)
            total = context.query().clamp((low, high)).sum().gaussian()
            count = context.query().count().gaussian()
            scales = total.param(), count.param()
            ratio: Decimal = Decimal(total.release()) / max(1, int(count.release()))
        sensitivity = max(abs(low), abs(high)) * self._contributions
        noise = [_noise("sum", sensitivity, scales[0]), _noise("count", self._contributions, scales[1])]
        self._record(name, statistic, loss, noise, column=column, bounds=[str(bound) for bound in bounds])
        return min(max(Decimal(middle) + ratio, Decimal(bounds[0])), Decimal(bounds[1]))

    def _context(self, data: list[int], loss: Decimal, *, queries: int) -> Any:
        dp = self._dp
        return dp.Context.compositor(
            data=data,
            privacy_unit=dp.unit_of(contributions=self._contributions),
            privacy_loss=dp.loss_of(rho=_at_most(loss)),
            split_evenly_over=queries,
            domain=dp.vector_domain(dp.atom_domain(T="i64")),
        )

    def _reserve(self, rho: Number) -> Decimal:
        loss = _positive(rho, "rho")
        if self._spent + loss > self._bound:
            raise InvalidInput(
                f"rho {loss} is more than {self._bound - self._spent}, which is what is left of {self._bound}"
            )
        self._spent += loss  # before the noise is drawn, and never given back
        return loss

    def _record(self, name: str, statistic: str, loss: Decimal, noise: list[dict[str, Any]], **more: Any) -> None:
        self._releases.append({"name": name, "statistic": statistic, "rho": loss, "noise": noise, **more})
        total = self.loss
        self._run.fact(
            accounting="zcdp",
            neighbours="one patient added or removed",
            contributions=self._contributions,
            rho=total.rho,
            rho_bound=self._bound,
            epsilon=total.epsilon,
            delta=total.delta,
            releases=self._releases,
        )

    def _hold(self, name: str, value: Decimal, rho: Decimal) -> Held[Estimate]:
        return self._run.hold(name, Estimate(value, rho), {"name": name, "value": str(value), "rho": str(rho)})


def epsilon_of(rho: Decimal, delta: Decimal) -> Decimal:
    """The epsilon at ``delta`` of a zCDP loss, rounded up to four places.

    OpenDP's conversion is the tighter one; where it overflows, for losses that protect nothing any more, the textbook
    bound stands (proposition 1.3 of https://arxiv.org/abs/1605.02065).
    """
    if not rho:
        return Decimal(0)
    dp = library()
    space = dp.atom_domain(T="i64"), dp.absolute_distance(T="i64")
    carrier = dp.m.make_gaussian(*space, scale=math.sqrt(1 / (2 * float(rho))))
    try:
        epsilon = dp.c.make_zCDP_to_approxDP(carrier).map(1).epsilon(delta=float(delta))
    except dp.OpenDPException:
        epsilon = float(rho) + 2 * math.sqrt(float(rho) * math.log(1 / float(delta)))
    return Decimal(epsilon).quantize(Decimal("0.0001"), ROUND_CEILING)


def version() -> str:
    """The version of OpenDP, for ``EngineIdentity``."""
    from importlib.metadata import version as version_of

    library()
    return version_of("opendp")


def library() -> ModuleType:
    """OpenDP, ready to use.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import opendp.prelude as dp
    except ImportError as problem:
        raise ConfigurationError(
            "this engine needs OpenDP, which is not installed: pip install 'consentry[opendp]'"
        ) from problem
    dp.enable_features("contrib")
    module: ModuleType = dp
    return module


@contextmanager
def _translated(dp: ModuleType) -> Iterator[None]:
    try:
        yield
    except (dp.OpenDPException, ValueError, TypeError, OverflowError) as problem:
        raise InvalidInput(f"OpenDP refuses these bounds or this loss: {problem}") from problem


def _noise(of: str, sensitivity: int, scale: float) -> dict[str, Any]:
    return {"of": of, "mechanism": MECHANISM, "sensitivity": sensitivity, "scale": repr(float(scale))}


def _step(value: Any, grid: Decimal, column: str) -> int:
    try:
        return int((Decimal(str(value)) / grid).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError) as problem:
        raise InvalidInput(f"the column {column!r} holds something that is not a finite number") from problem


def _decimal(value: Number, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise InvalidInput(f"{what} must be a Decimal, an int or a decimal string, not {type(value).__name__}")
    try:
        number = Decimal(value)
    except InvalidOperation as problem:
        raise InvalidInput(f"{what} {value!r} is not a decimal number") from problem
    if not number.is_finite():
        raise InvalidInput(f"{what} must be finite")
    return number


def _positive(value: Number, what: str) -> Decimal:
    number = _decimal(value, what)
    if number <= 0:
        raise InvalidInput(f"{what} must be greater than zero, not {number}")
    return number


def _at_most(value: Decimal) -> float:
    """The greatest float that is not above ``value``."""
    near = float(value)
    return near if Decimal(near) <= value else math.nextafter(near, 0.0)
