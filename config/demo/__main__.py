"""`make demo`: everything from an empty machine to a patient reading a sealed message."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.embedded.run import (
    choose_port,
    environment,
    manage,
    start_application,
    start_storage,
    wait_for_web,
)
from config.embedded.servers import CannotStart
from config.embedded.state import State, free_port, load
from config.embedded.supervisor import AlreadyRunning, ChildDied, Supervisor, interrupt_on_terminate


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--exit", action="store_true", help="stop after the main job")
    parser.add_argument("--patients", type=int, default=5000)
    options = parser.parse_args()
    interrupt_on_terminate()
    supervisor = None
    try:
        state = load()
        supervisor = Supervisor(state.path)
        return _run(state, supervisor, options.patients, options.exit)
    except (AlreadyRunning, CannotStart, ChildDied) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopping. Your demo stays in .local/; `make demo` takes it up again.")
        return 130 if options.exit else 0  # asked for a job, and it was not done
    finally:
        if supervisor is not None:
            supervisor.stop_all()


def _run(state: State, supervisor: Supervisor, patients: int, stop_after: bool) -> int:
    begun = time.monotonic()
    print("Starting PostgreSQL, Valkey and a small world of mail servers...", flush=True)
    start_storage(state, supervisor)
    env = environment(state, choose_port(state)) | _mail_world(state, supervisor)
    manage(env, "migrate", "--verbosity", "0")
    start_application(supervisor, env)
    os.environ.update(env)
    import django

    django.setup()
    from config.demo import story

    told = story.tell(state.path / "demo", patients, supervisor.check)
    print(told.summary())
    if not told.adds_up:
        print("The figures do not add up. Please report this with the files in .local/logs.")
        return 1
    print(f"\nReady after {time.monotonic() - begun:.0f} seconds.")
    if not stop_after:
        wait_for_web(supervisor, int(env["PORT"]))
        print(_invitation(env))
        supervisor.wait()
    return 0


def _mail_world(state: State, supervisor: Supervisor) -> dict[str, str]:
    """Start the mail servers and DNS; returns the settings that lead Sealwright to them."""
    folder = state.path / "demo"
    described = folder / "world.json"
    described.unlink(missing_ok=True)
    supervisor.start("mail-world", [sys.executable, "-m", "config.demo.world", "--folder", folder])
    world = _wait_for(described, supervisor)
    return {
        "SEALWRIGHT_DEMO": "1",
        "SMTP_PORT": str(world["smtp_port"]),
        "SMTP_CA_FILE": world["ca_path"],
        "MAIL_RESOLVERS": f"{world['dns_address']}:{world['dns_port']}",
        "MAIL_ALLOWED_NETWORKS": world["network"],
        "SMTP_BACK_OFF_MINUTES": "0.05,0.1,0.5",
        "BOUNCE_LISTEN": f"127.0.0.1:{free_port()}",
    }


def _wait_for(path: Path, supervisor: Supervisor) -> Mapping[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        supervisor.check()
        if path.exists() and (text := path.read_text()):
            world: dict[str, Any] = json.loads(text)
            return world
        time.sleep(0.05)
    raise CannotStart("The demo's mail servers did not start within 30 seconds. See .local/logs.")


def _invitation(env: Mapping[str, str]) -> str:
    address = f"http://localhost:{env['PORT']}"
    return (
        f"\n  Sign in      {address}/accounts/login/   press the button of a role\n"
        f"  Patients     {address}/demo/mail/        read what they received\n\n"
        "Press Ctrl-C to stop."
    )


if __name__ == "__main__":
    sys.exit(main())
