"""How long work in the background will still take, as far as its pace so far tells."""

from datetime import datetime, timedelta

FIRST_SIGHT = timedelta(seconds=10)
"""Before that a start of two seconds makes the rest look twice as long."""
HOUR = 60


def time_left(done: int, total: int, started: datetime | None, now: datetime) -> timedelta | None:
    """None while nothing can be said: the work has hardly begun, or its size is not known."""
    if started is None or done <= 0 or total < done or now - started < FIRST_SIGHT:
        return None
    return (now - started) * ((total - done) / done)


def in_words(left: timedelta) -> str:
    """Rounded to what somebody who waits wants to know."""
    minutes = round(left.total_seconds() / 60)
    if minutes < 1:
        return "less than a minute left"
    if minutes < HOUR:
        return f"about {minutes} minute{'s' if minutes > 1 else ''} left"
    hours = round(minutes / HOUR)
    return f"about {hours} hour{'s' if hours > 1 else ''} left"
