"""What one local machine remembers between starts: ports, passwords and keys, in one file."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = "state.json"
OWNER_ROLE = "sealwright_owner"
APPLICATION_ROLE = "sealwright_app"
DATABASE = "sealwright"


@dataclass
class State:
    """Ports and secrets of the embedded servers. Made once, readable by the owner alone."""

    folder: str
    postgres_port: int
    valkey_port: int
    superuser_password: str
    owner_password: str
    application_password: str
    valkey_password: str
    secret_key: str
    master_key: str
    web_port: int = 8000

    @property
    def path(self) -> Path:
        return Path(self.folder)

    def database_url(self, role: str = APPLICATION_ROLE) -> str:
        """The address of the database for one of the three log-ins."""
        password = {
            "postgres": self.superuser_password,
            OWNER_ROLE: self.owner_password,
            APPLICATION_ROLE: self.application_password,
        }[role]
        return f"postgres://{role}:{password}@127.0.0.1:{self.postgres_port}/{DATABASE}"

    @property
    def redis_url(self) -> str:
        return f"redis://:{self.valkey_password}@127.0.0.1:{self.valkey_port}/0"

    def save(self) -> None:
        """Write atomically, mode 0600: the file holds keys."""
        target = self.path / FILE
        draft = target.with_suffix(f".{os.getpid()}.new")  # two processes may save at once
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(asdict(self), out, indent=1)
        draft.replace(target)


def default_folder() -> Path:
    """`SEALWRIGHT_FOLDER`, or `.local` beside manage.py."""
    return Path(os.environ.get("SEALWRIGHT_FOLDER") or ROOT / ".local").resolve()


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def load(folder: Path | None = None) -> State:
    """The machine's state, made on first use."""
    folder = folder or default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "staff-mail").mkdir(mode=0o700, exist_ok=True)  # holds password links
    path = folder / FILE
    if path.exists():
        return State(**{**json.loads(path.read_text()), "folder": str(folder)})
    state = State(
        folder=str(folder),
        postgres_port=free_port(),
        valkey_port=free_port(),
        superuser_password=secrets.token_hex(16),
        owner_password=secrets.token_hex(16),
        application_password=secrets.token_hex(16),
        valkey_password=secrets.token_hex(16),
        secret_key=secrets.token_urlsafe(48),
        master_key=base64.b64encode(secrets.token_bytes(32)).decode(),
    )
    state.save()
    return state
