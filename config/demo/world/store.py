"""What the demo's mail servers received, in one SQLite file that other processes may read."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY,
    received_at TEXT NOT NULL,
    recipient TEXT NOT NULL,
    domain TEXT NOT NULL,
    subject TEXT NOT NULL,
    tls_version TEXT NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS message_recipient ON message (recipient, id);
CREATE TABLE IF NOT EXISTS session (
    id INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    tls_version TEXT NOT NULL,
    verbs TEXT NOT NULL,
    clear_bytes BLOB NOT NULL
);
"""
_COLUMNS = "id, received_at, recipient, domain, subject, tls_version, raw"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One received message. ``tls_version`` is empty when it arrived in clear."""

    id: int
    received_at: datetime
    recipient: str
    domain: str
    subject: str
    tls_version: str
    raw: bytes

    @property
    def plaintext(self) -> bool:
        """Whether it arrived without TLS."""
        return not self.tls_version


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One finished connection: the commands in order, and every byte that came in clear."""

    server: str
    tls_version: str
    verbs: tuple[str, ...]
    clear_bytes: bytes


class MailStore:
    """The store at a path. Each use opens the file, so any thread and process may use one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            database.executescript(f"PRAGMA journal_mode = WAL; {_SCHEMA}")

    def writer(self) -> "MailWriter":
        """A way to write, for the one process that runs the servers."""
        return MailWriter(self._path)

    def messages_for(self, address: str) -> list[StoredMessage]:
        """What one address received, newest first."""
        return self._select("WHERE recipient = ? ORDER BY id DESC", (address.lower(),))

    def message(self, number: int) -> StoredMessage | None:
        """One message by its number."""
        found = self._select("WHERE id = ?", (number,))
        return found[0] if found else None

    def recent(self, limit: int) -> list[StoredMessage]:
        """The newest messages of all."""
        return self._select("ORDER BY id DESC LIMIT ?", (limit,))

    def count_by_domain(self) -> dict[str, int]:
        """How many messages each domain received."""
        with self._open() as database:
            return dict(database.execute("SELECT domain, count(*) FROM message GROUP BY domain"))

    def sessions(self, server: str) -> list[StoredSession]:
        """The finished connections to one server, oldest first."""
        query = "SELECT server, tls_version, verbs, clear_bytes FROM session WHERE server = ?"
        with self._open() as database:
            return [
                StoredSession(name, tls_version, tuple(json.loads(verbs)), clear)
                for name, tls_version, verbs, clear in database.execute(
                    f"{query} ORDER BY id", (server,)
                )
            ]

    def clear(self) -> None:
        """Forget everything."""
        with self._open() as database:
            database.executescript("DELETE FROM message; DELETE FROM session;")

    def _select(self, where: str, values: tuple[str | int, ...]) -> list[StoredMessage]:
        with self._open() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM message {where}", values)  # noqa: S608
            return [
                StoredMessage(number, datetime.fromisoformat(received_at), *rest)
                for number, received_at, *rest in rows
            ]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as database, database:
            yield database


class MailWriter:
    """Writes what arrives. Belongs to one thread."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._database.execute("PRAGMA synchronous = OFF")  # a demo's mail may be lost in a crash

    def add_message(self, recipient: str, raw: bytes, tls_version: str) -> None:
        """Keep one message for one recipient."""
        subject = BytesHeaderParser(policy=policy.default).parsebytes(raw)["Subject"]
        self._database.execute(
            "INSERT INTO message (received_at, recipient, domain, subject, tls_version, raw) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                datetime.now(UTC).isoformat(),
                recipient.lower(),
                recipient.rpartition("@")[2].lower(),
                str(subject or ""),
                tls_version,
                raw,
            ),
        )

    def add_session(self, session: StoredSession) -> None:
        """Keep the transcript of a finished connection."""
        self._database.execute(
            "INSERT INTO session (server, tls_version, verbs, clear_bytes) VALUES (?, ?, ?, ?)",
            (session.server, session.tls_version, json.dumps(session.verbs), session.clear_bytes),
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()
