"""Child processes that never outlive their parent, even one that was killed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

FILE = "processes.json"


class AlreadyRunning(RuntimeError):
    """Another supervisor works in this folder; the message says what to do."""


class ChildDied(RuntimeError):
    """A process that had to stay up has ended; the message names it and its log."""


class Supervisor:
    """Starts processes in groups of their own, remembers them on disk and ends them together.

    A predecessor that was killed without a chance to clean up left its list behind: what is still
    running of it is ended, and only that (a process id is trusted with its start time). A
    predecessor that is alive keeps the folder: `AlreadyRunning`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = _locked(folder)
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.stops: dict[str, tuple[signal.Signals, float]] = {}
        self.peers: set[str] = set()
        _end_leftovers(folder / FILE)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_within: float = 15,
        peer: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start one process, its output in `logs/<name>.log`. `stop_within` is in seconds. Peers
        need nothing of each other, so they are ended at the same time."""
        log = (self.logs / f"{name}.log").open("ab")
        with log:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd="/" if user else None,
                user=user,
                start_new_session=True,
            )
        self.children[name] = child
        self.stops[name] = stop_signal, stop_within
        if peer:
            self.peers.add(name)
        self._remember()
        return child

    def check(self) -> None:
        """Raise `ChildDied` if any process has ended by itself."""
        for name, child in self.children.items():
            if child.poll() is not None:
                raise ChildDied(
                    f"{name} stopped with status {child.returncode}. "
                    f"Its log is {self.logs / (name + '.log')}"
                )

    def wait(self) -> None:
        """Return when one of the processes ends (as `ChildDied`) or a signal interrupts."""
        while True:
            self.check()
            time.sleep(0.5)

    def stop_all(self) -> None:
        """End everything, the last started first, and free the folder."""
        with _undisturbed():
            last_first = reversed(list(self.children))
            for _, names in groupby(last_first, lambda name: name in self.peers or name):
                self._stop(list(names))
            self._lock.close()

    def _stop(self, names: Sequence[str]) -> None:
        """End these processes and their groups."""
        for name in names:
            _signal(self.children[name].pid, self.stops[name][0])
        for name in names:
            child = self.children.pop(name)
            _end_group(child.pid, self.stops[name][1], child)
            self._remember()

    def _remember(self) -> None:
        rows = []
        for child in self.children.values():
            with contextlib.suppress(psutil.Error):
                rows.append([child.pid, psutil.Process(child.pid).create_time()])
        (self.folder / FILE).write_text(json.dumps(rows))


def interrupt_on_terminate() -> None:
    """Make SIGTERM and SIGHUP behave like Ctrl-C, so that clean-up runs."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGHUP, handler)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """An impatient second Ctrl-C must not leave processes behind."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _locked(folder: Path) -> IO[str]:
    """Hold the folder's lock while this process lives; the system frees it even after a kill."""
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise AlreadyRunning(
            f"Sealwright runs in {folder} already. Stop it with Ctrl-C where it was started, or set"
            " SEALWRIGHT_FOLDER to another folder."
        ) from None
    return lock


def _signal(pid: int, stop: signal.Signals) -> None:
    """PostgreSQL and Celery's parent want the signal alone; their children follow them."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, stop)


def _end_group(pid: int, timeout: float, child: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a process has ended as it was told to, then end what is left of its group."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and _alive(pid, child):
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if child is not None:
        child.wait()


def _alive(pid: int, child: subprocess.Popen[bytes] | None) -> bool:
    return child.poll() is None if child is not None else psutil.pid_exists(pid)


def _end_leftovers(path: Path) -> None:
    if not path.exists():
        return
    try:
        rows = json.loads(path.read_text())
    except ValueError:
        rows = []
    for pid, created in reversed(rows):
        with contextlib.suppress(psutil.Error):
            if abs(psutil.Process(pid).create_time() - created) < 1:
                print(f"Ending process {pid}, left by an earlier run.", file=sys.stderr)
                _signal(pid, signal.SIGINT)
                _end_group(pid, 8)
    path.unlink(missing_ok=True)
