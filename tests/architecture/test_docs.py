"""What the documentation names is there: settings, files, functions and tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

_SETTING = re.compile(r"\b(?:env(?:\.\w+)?|required)\(\s*\"([A-Z][A-Z0-9_]+)\"")
_NAMED = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|html|toml|json))(?:::(\w+))?`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")


def names_in(path: Path) -> set[str]:
    """Every function, class and constant that a module defines."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Assign():
                found |= {each.id for each in node.targets if isinstance(each, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def test_every_setting_has_its_row() -> None:
    read = set(_SETTING.findall((ROOT / "config" / "settings.py").read_text()))
    assert "DATABASE_URL" in read
    page = (DOCS / "operations.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", page, re.MULTILINE))
    assert documented == read


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_file_and_name_on_a_page_exists(page: Path) -> None:
    for path, name in _NAMED.findall(page.read_text()):
        file = ROOT / path
        assert file.is_file(), path
        assert not name or name in names_in(file), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_promise_names_where_it_is_kept_and_attacked() -> None:
    promises = re.split(r"^## (?=\d)", (DOCS / "promises.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(promises) == 10
    for promise in promises:
        tests = [path for path, name in _NAMED.findall(promise) if name and "/test_" in path]
        assert tests, promise.splitlines()[0]
