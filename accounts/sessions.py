"""Database sessions whose keys are stored hashed: a stolen table signs nobody in."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.utils import timezone

__all__ = ["CreateError", "SessionStore", "UpdateError"]


def _hashed(session_key: str) -> str:
    """Session keys have 160 random bits, so a bare hash is enough; the column holds 40 letters."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


class SessionStore(DatabaseStore):
    def _get_session_from_db(self) -> Session | None:
        key = self.session_key
        row = (
            key
            and Session.objects.filter(
                session_key=_hashed(key), expire_date__gt=timezone.now()
            ).first()
        )
        if not row:
            self._session_key = None
            return None
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(_hashed(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast(Session, super().create_model_instance(data))
        row.session_key = _hashed(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            super().delete(_hashed(key))
