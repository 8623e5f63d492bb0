"""What log lines of others may say: never an exception's text, never a request's address.

A driver's message can quote a row and a parser's its input: both may be a patient's. In an address
of ours may stand a token, which opens a message or takes an authorization back.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

from django.http import HttpRequest
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


def name_the_route(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace what Django says of a request by its answer's status and the pattern it matched."""
    record = event["_record"]
    request = getattr(record, "request", None)
    if isinstance(request, HttpRequest):
        event["event"] = "request_answered_with_an_error"
        event["status"] = getattr(record, "status_code", None)
        event["route"] = request.resolver_match.route if request.resolver_match else None
    return event


def _places(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(trace)[-6:]]
