"""What a Django application does that encrypts: a Fernet column for each field of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet
from django.db import connections, models

from tenancy.rls import application_role


def make_table(columns: int) -> tuple[Any, Callable[[str], bytes]]:
    """A model with so many sealed columns, its table made; and the function that seals a text."""
    fields = {f"field_{at}": models.BinaryField() for at in range(columns)}
    meta = type("Meta", (), {"app_label": "benchmarks", "db_table": "benchmarks_peer"})
    name = "Peer"
    model = type(name, (models.Model,), {**fields, "Meta": meta, "__module__": __name__})
    owner = connections["owner"]
    with owner.schema_editor() as editor:
        editor.create_model(model)
    with owner.cursor() as cursor:
        cursor.execute(f"GRANT ALL ON benchmarks_peer TO {application_role()}")
        cursor.execute(f"GRANT ALL ON SEQUENCE benchmarks_peer_id_seq TO {application_role()}")
    fernet = Fernet(Fernet.generate_key())
    return model, lambda text: fernet.encrypt(text.encode())
