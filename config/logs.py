"""What a log line may say of an exception: its type and where it happened, never its text.

A driver's message can quote a row, a parser's can quote its input; both may be a patient's.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

from structlog.typing import EventDict, WrappedLogger


def drop_values_from_exceptions(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the exception's type and the lines of code it passed."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0] is not None:
        event["exception"] = info[0].__qualname__
        event["at"] = _places(info[2])
    return event


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(trace)[-6:]]
