"""The embedded servers come up on an empty folder and leave nothing behind, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from django.conf import settings


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    """`python -m config.embedded.servers COMMAND` over a folder of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "config.embedded.servers", *command],
        cwd=settings.BASE_DIR,
        env={**os.environ, "SEALWRIGHT_FOLDER": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_up(process: subprocess.Popen[str]) -> None:
    """The command runs once both servers answer; it says so."""
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n", process.stderr and process.stderr.read()


def running_in(folder: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or [])
        and process.pid != os.getpid()
    ]


def wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while running_in(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running_in(folder) == []


WAIT = ("sh", "-c", "echo up; exec sleep 8")


def test_a_killed_predecessor_is_survived_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    first = start(tmp_path, *WAIT)
    wait_until_up(first)
    first.kill()  # no chance to clean up: its servers live on, with their pid files
    orphans = running_in(tmp_path)
    assert orphans

    second = start(tmp_path, *WAIT)
    wait_until_up(second)
    assert not set(orphans) & set(running_in(tmp_path))

    third = start(tmp_path, "true")
    assert third.wait(20) == 1
    assert "runs in" in (third.communicate()[1])

    second.send_signal(signal.SIGINT)
    time.sleep(0.2)
    second.send_signal(signal.SIGINT)  # somebody is impatient
    second.communicate(timeout=30)
    first.communicate()
    wait_until_gone(tmp_path)


def test_the_folder_s_secrets_are_its_owner_s_alone(tmp_path: Path) -> None:
    done = start(tmp_path, "true")
    assert done.wait(60) == 0
    done.communicate()
    state = tmp_path / "state.json"
    assert state.stat().st_mode & 0o077 == 0
    secrets = [value for key, value in json.loads(state.read_text()).items() if "password" in key]
    for log in (tmp_path / "logs").iterdir():
        text = log.read_text()
        assert not [secret for secret in secrets if secret in text], log.name
    wait_until_gone(tmp_path)
