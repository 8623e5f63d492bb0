"""A second process for work that would take one core twice as long.

It is a program of its own, not a fork: whoever asks may have threads, and a connection to the
database that two processes must not share. Questions and answers go through a pipe, for they hold
diagnoses. It ends when the pipe does, so it does not outlive whoever asked, however that ended.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Timer
from typing import Any, TypeAlias

import structlog
from django.conf import settings

log = structlog.get_logger()

Asker: TypeAlias = "Connection[Any, Any]"
Work = Callable[[Asker], None]
"""Receives questions and sends answers."""

_PROGRAM = """
import django
django.setup()
from {module} import {name}
from contacts.helper import help_out
help_out({name}, {pipe})
"""


class HelperFailed(Exception):
    """The helper ended, or is not heard of."""


class Helper:
    """Another process that does this work, a function of a module. It takes a second to start.

    Raises `HelperFailed` where no process can be started.
    """

    def __init__(self, work: Work) -> None:
        self._pipe, theirs = Pipe()
        names = {"module": work.__module__, "name": work.__name__, "pipe": theirs.fileno()}
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _PROGRAM.format(**names)],
                    stdin=subprocess.DEVNULL,
                    cwd=settings.BASE_DIR,
                    pass_fds=[theirs.fileno()],
                )
            except OSError:
                self._pipe.close()
                raise HelperFailed from None

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ask(self, question: object) -> None:
        """Send a question. If the helper has ended, the next answer says so."""
        with suppress(OSError):
            self._pipe.send(question)

    def answer(self, seconds: float) -> Any:
        """Its next answer, whole. Raises `HelperFailed` if there is none within this time."""
        late = Timer(seconds, self._process.kill)  # which ends the pipe
        late.start()
        try:
            return self._pipe.recv()
        except (OSError, EOFError):
            raise HelperFailed from None
        finally:
            late.cancel()

    def stop(self) -> None:
        """End it, whatever it does. May be called twice."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def help_out(work: Work, pipe: int) -> None:
    """Do the work, in the helper."""
    try:
        work(Connection(pipe))
    except (OSError, EOFError):  # nobody asks any more
        sys.exit(1)
    except Exception:
        log.exception("helper_failed")  # a traceback would show the text of the exception, too
        sys.exit(1)
