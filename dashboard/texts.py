"""Numbers, shares and durations as texts."""

from __future__ import annotations


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """Return a number such as 1,234.5 with its unit; a dash for an unknown one."""
    if value is None or value != value:
        return "–"
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}".replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share 0–1 as a text such as 12.3 %."""
    return number(None if value is None else 100 * value, digits, "%")


def duration(seconds: float | None) -> str:
    """Return seconds as a text such as 0.4 s, 42 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None or seconds != seconds:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for length, name, smaller_length, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= length:
            rest = whole % length // smaller_length
            return f"{whole // length} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
