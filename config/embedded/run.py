"""`make serve`: everything that Sealwright is, on one machine, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from config.embedded.servers import CannotStart, start_servers
from config.embedded.state import ROOT, State, free_port, load, port_is_free
from config.embedded.supervisor import AlreadyRunning, ChildDied, Supervisor, interrupt_on_terminate

PYTHON_BIN = Path(sys.executable).parent
QUEUES = {
    "steady": ("steady,default", 1),
    "codes": ("codes", 2),
    "sending": ("sending,imports", 2),
}
"""Worker names, the queues each serves, and its processes. Sealing the audit log never waits behind
a long batch, nor a patient's code behind either; a slow mail server holds up only its own kind."""


def environment(state: State, port: int) -> dict[str, str]:
    """What every process of a local machine is started with."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SEALWRIGHT_LOCAL": "1",
        "SEALWRIGHT_FOLDER": state.folder,
        "PORT": str(port),
    }


def choose_port(state: State) -> int:
    """PORT, or the port of last time; another one, with a word about it, if that is taken.

    It is kept, because links in mail that was sent lead to it.
    """
    wanted = int(os.environ.get("PORT") or state.web_port)
    if not port_is_free(wanted):
        taken, wanted = wanted, free_port()
        print(f"Port {taken} is taken by another program, so this runs on {wanted}.")
    if wanted != state.web_port:
        state.web_port = wanted
        state.save()
    return wanted


def start_storage(state: State, supervisor: Supervisor) -> None:
    """The embedded servers, unless the environment names others."""
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        start_servers(state, supervisor)


def manage(env: Mapping[str, str], *arguments: str) -> None:
    """Run `manage.py`. Raises `CannotStart` with its words."""
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        env={**os.environ, **env},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CannotStart(f"manage.py {arguments[0]} failed:\n{done.stderr[-2000:]}")


def start_application(supervisor: Supervisor, env: Mapping[str, str]) -> None:
    """The web server, the workers of every queue, and the beat."""
    supervisor.start(
        "web",
        [
            PYTHON_BIN / "granian",
            *("--interface", "wsgi", "--host", "127.0.0.1", "--port", env["PORT"]),
            *("--workers", "1", "--blocking-threads", "8", "--no-ws"),
            *("--working-dir", ROOT, "config.wsgi:application"),
        ],
        env={**env, "PYTHONPATH": str(ROOT)},
        peer=True,
        stop_within=3,  # it would wait for browsers that keep their connections open
    )
    celery: list[str | Path] = [
        PYTHON_BIN / "celery",
        "--app",
        "config.celery:app",
        "--workdir",
        ROOT,
    ]
    for name, (queues, processes) in QUEUES.items():
        supervisor.start(
            f"worker-{name}",
            [
                *celery,
                "worker",
                *("--queues", queues, "--concurrency", str(processes), "--hostname", f"{name}@%h"),
                *("--without-gossip", "--without-mingle", "--loglevel", "warning"),
            ],
            env=env,
            peer=True,
        )
    if env.get("BOUNCE_LISTEN") or os.environ.get("BOUNCE_LISTEN"):
        supervisor.start(
            "bounces", [sys.executable, ROOT / "manage.py", "receive_bounces"], env=env, peer=True
        )
    beat = [*celery, "beat", "--loglevel", "warning", "--pidfile="]
    supervisor.start("beat", beat, env=env, peer=True)


def wait_for_web(supervisor: Supervisor, port: int, seconds: float = 60) -> None:
    """Return once the web server accepts connections."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        supervisor.check()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise CannotStart(f"The web server did not start within {seconds:.0f} seconds.")


def main() -> int:
    interrupt_on_terminate()
    supervisor = None
    try:
        state = load()
        supervisor = Supervisor(state.path)
        start_storage(state, supervisor)
        env = environment(state, choose_port(state))
        manage(env, "migrate", "--verbosity", "0")
        start_application(supervisor, env)
        wait_for_web(supervisor, int(env["PORT"]))
        print(f"Sealwright runs on http://localhost:{env['PORT']} until you press Ctrl-C.")
        print("To make an organization: SEALWRIGHT_LOCAL=1 .venv/bin/python manage.py")
        print("  create_organization --help")
        supervisor.wait()
    except (AlreadyRunning, CannotStart, ChildDied) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopping.")
    finally:
        if supervisor is not None:
            supervisor.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
