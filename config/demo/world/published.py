"""Records that somebody publishes while the world runs, such as those of a sender's domain."""

import json
from collections.abc import Iterable
from pathlib import Path

from config.demo.world.dns_server import Zone

PUBLISHED = "published.json"


def as_zone(records: Iterable[tuple[str, str, str]]) -> Zone:
    """Records of type, name and value, as a zone. Long texts are cut, as zone files want it."""
    zone: dict[str, dict[str, list[str]]] = {}
    for kind, name, value in records:
        text = f"{value}." if kind == "MX" else _quoted(value)
        zone.setdefault(name.lower(), {}).setdefault(kind, []).append(text)
    return dict(zone)


def _quoted(value: str) -> str:
    pieces = [value[start : start + 255] for start in range(0, len(value), 255)]
    return " ".join(f'"{piece}"' for piece in pieces)


def publish(folder: Path, zone: Zone) -> None:
    """Have a world that runs in this folder, perhaps in another process, answer with these too."""
    path = folder / PUBLISHED
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({**published(folder), **zone}))
    draft.replace(path)


def published(folder: Path) -> Zone:
    """What was published in a folder so far."""
    path = folder / PUBLISHED
    if not path.exists():
        return {}
    zone: Zone = json.loads(path.read_text())
    return zone
