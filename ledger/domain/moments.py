"""Moments: whole seconds UTC, read from what people write, and calendar months added to them.

Invariants: one text names one second, the one that it falls in, so a comparison with a bound of whole seconds is exact;
a date stands for its first second in UTC, and a date-time without an offset is UTC.

Source: https://www.rfc-editor.org/rfc/rfc3339
"""

import re
from calendar import monthrange
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Final

from ledger.errors import InvalidInput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _SECOND
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _SECOND
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-5][0-9])?\Z"
)


def read_moment(value: object) -> int:
    """Read a moment.

    Args:
        value: Seconds UTC, an ISO 8601 date (``2027-01-31``) or date-time (``2027-01-31T12:00:00Z``), or Python's own
            ``date`` or ``datetime``.

    Returns:
        Seconds UTC, within the years 1 to 9999.

    Raises:
        InvalidInput: It is none of these, or no day of the calendar.
    """
    if isinstance(value, str):
        value = _from_text(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        since = aware - _EPOCH
        value = since.days * 86_400 + since.seconds
    elif isinstance(value, date):
        value = (value - _EPOCH.date()).days * 86_400
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput("a moment is an ISO date or date-time, or whole seconds UTC")
    if not _FIRST <= value <= _LAST:
        raise InvalidInput(f"{value} seconds lie outside the years 1 to 9999: seconds are meant, not milliseconds")
    return value


def write_moment(moment: int) -> str:
    """The shortest text that reads back to the same moment: a date at midnight, else a date-time with ``Z``."""
    at = _EPOCH + timedelta(seconds=moment)
    return at.date().isoformat() if moment % 86_400 == 0 else at.isoformat().replace("+00:00", "Z")


def add_months(moment: int, months: int) -> int:
    """The moment that many calendar months later, on the same day and time.

    Where that month has no such day, its last day is taken: a month from 31 January ends on 28 or 29 February, so a
    limit in months never runs into the month after.

    Raises:
        InvalidInput: It lies after the year 9999.
    """
    at = _EPOCH + timedelta(seconds=moment)
    years, month = divmod(at.month - 1 + months, 12)
    year = at.year + years
    if year > MAXYEAR:
        raise InvalidInput(f"{months} months end after the year 9999: name fewer")
    day = min(at.day, monthrange(year, month + 1)[1])
    return read_moment(at.replace(year=year, month=month + 1, day=day))


def _from_text(text: str) -> date:
    try:
        if _DATE.match(text):
            return date.fromisoformat(text)
        if _DATE_TIME.match(text):
            return datetime.fromisoformat(text)
    except ValueError as problem:
        raise InvalidInput(f"{text!r} is no day of the calendar or no time of the day: {problem}") from problem
    raise InvalidInput(f"{text[:40]!r} is no moment: write 2027-01-31 or 2027-01-31T12:00:00Z")
