"""FHIR's dates and periods as half-open windows of seconds, and back.

A date is the whole of its year, month or day; a period's end is inclusive at its own precision. A date without a time
zone is read as UTC. What lies before 1970 or after the year 9999 is cut to what a window can hold.

Source: https://hl7.org/fhir/R4/datatypes.html#dateTime, https://hl7.org/fhir/R4/datatypes.html#Period
"""

import re
from calendar import monthrange, timegm
from datetime import UTC, datetime, timedelta

from ledger.domain.vocabulary import FOREVER
from ledger.errors import InvalidInput

LAST_WRITABLE = timegm((9999, 12, 31, 23, 59, 59))
"""The last second that a FHIR dateTime can name."""
_FORM = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.\d{1,9})?(?P<zone>Z|[+-]\d\d:\d\d))?)?)?",
    re.ASCII,
)


def span_of(text: object) -> tuple[int, int]:
    """The seconds that a FHIR date, dateTime or instant names, half open.

    Raises:
        InvalidInput: It is none.
    """
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidInput(f"{text!r} is not a FHIR date or dateTime, such as 2026-05-01 or 2026-05-01T12:00:00Z")
    year, month, day = (int(found[name] or 1) for name in ("year", "month", "day"))
    try:
        start = timegm(datetime(year, month, day, tzinfo=UTC).timetuple())
        if found["hour"] is not None:
            at = datetime(year, month, day, int(found["hour"]), int(found["minute"]), int(found["second"]), tzinfo=UTC)
            start = timegm((at - _offset(found["zone"])).timetuple())
            return start, start + 1
    except (ValueError, OverflowError) as problem:
        raise InvalidInput(f"{text!r} is not a date: {problem}") from problem
    days = 1 if found["day"] else monthrange(year, month)[1] if found["month"] else _days_in(year)
    return start, start + days * 86_400


def text_of(instant: int) -> str:
    """The dateTime of an instant (seconds UTC, at most ``LAST_WRITABLE``)."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=instant)).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def clip(instant: int) -> int:
    """An instant, cut to what a window can hold."""
    return min(max(instant, 0), FOREVER)


def _days_in(year: int) -> int:
    return sum(monthrange(year, month)[1] for month in range(1, 13))


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(f"{zone} is no time zone")
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def instant_of(seconds: int) -> str:
    """A second as a FHIR instant, in UTC; what FHIR cannot name is cut to what it can."""
    return datetime.fromtimestamp(min(max(seconds, 0), LAST_WRITABLE), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
