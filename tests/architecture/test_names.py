"""What is looked up by name exists: templates, and views named in templates."""

from __future__ import annotations

import re
from pathlib import Path

from django.conf import settings
from django.template.loader import get_template

from tests.architecture.test_routes import routes

TEMPLATES = Path(settings.BASE_DIR) / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))
DEMO = {"demo_sign_in", "demo_mail", "demo_mail_body", "demo_mailboxes"}


def test_every_template_compiles_with_what_it_includes_and_extends() -> None:
    for path in FILES:
        text = path.read_text()
        get_template(str(path.relative_to(TEMPLATES)))
        for name in re.findall(r"{% (?:include|extends) \"([^\"]+)\"", text):
            get_template(name)


def test_every_view_named_in_a_template_exists() -> None:
    known = {name for _, name, _ in routes()} | DEMO
    for path in FILES:
        for name in re.findall(r"{% url ['\"]([^'\"]+)['\"]", path.read_text()):
            assert name in known, (path.name, name)


def test_pages_keep_to_the_content_security_policy() -> None:
    for path in FILES:
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert not re.search(r"\sstyle=", text), path
        assert not re.search(r"\son[a-z]+=", text), path
        assert "https://" not in re.sub(r"{%.*?%}|{#.*?#}", "", text), path
