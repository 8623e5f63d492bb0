"""The settings of production, in a process of its own: complete, strict, and without warnings."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
REQUIRED = {
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    "ALLOWED_HOSTS": "sealwright.riverside.test, mail.riverside.test,",
    "PUBLIC_ORIGIN": "https://sealwright.riverside.test",
    "MAIL_HOSTNAME": "mail.riverside.test",
    "STAFF_MAIL_FROM": "sealwright@riverside.test",
    # Nobody listens there: settings, checks and static files need no server.
    "DATABASE_URL": "postgres://app:app@127.0.0.1:1/sealwright?sslmode=verify-full",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python as production does, with nothing else from this environment."""
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SEALWRIGHT_FOLDER": str(folder),
        **REQUIRED,
        **more,
    }
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if value},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def setting(folder: Path, expression: str, **more: str) -> object:
    """The JSON of an expression over `settings`."""
    code = f"import json; from config import settings; print(json.dumps({expression}))"
    done = run(folder, "-c", code, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_deployment_checks_have_nothing_to_say(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "WARNINGS" not in done.stdout + done.stderr


def test_every_static_file_that_a_page_names_is_collected(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "static" / "staticfiles.json").read_text())["paths"]
    named = {
        line.split("'", 2)[1]
        for page in (ROOT / "templates").rglob("*.html")
        for line in page.read_text().split("{% static ")[1:]
    }
    assert "tabler/css/tabler.min.css" in named
    for name in named:
        assert (tmp_path / "static" / manifest[name]).is_file(), name


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_stops_the_start_and_is_named(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "-c", "import config.settings", **{name: ""})
    assert done.returncode != 0
    assert f"{name} is not set" in done.stderr


@pytest.mark.parametrize("name", ["DEBUG", "SEALWRIGHT_DEMO"])
def test_what_only_a_trial_may_show_is_refused(tmp_path: Path, name: str) -> None:
    done = run(tmp_path, "-c", "import config.settings", **{name: "1"})
    assert done.returncode != 0
    assert "SEALWRIGHT_LOCAL=1" in done.stderr


def test_hosts_may_be_written_with_spaces(tmp_path: Path) -> None:
    hosts = setting(tmp_path, "settings.ALLOWED_HOSTS")
    assert hosts == ["sealwright.riverside.test", "mail.riverside.test"]


def test_the_owner_s_connection_keeps_its_own_options(tmp_path: Path) -> None:
    url = (
        "postgres://owner:owner@db.test/sealwright?sslmode=verify-full&options=-c%20work_mem%3D9MB"
    )
    owner = setting(tmp_path, "settings.DATABASES['owner']['OPTIONS']", MIGRATION_DATABASE_URL=url)
    assert owner == {"sslmode": "verify-full", "options": "-c work_mem=9MB -c lock_timeout=5s"}


@pytest.mark.parametrize("local", ["", "1"])
def test_without_an_address_of_its_own_the_owner_goes_where_the_application_goes(
    tmp_path: Path, local: str
) -> None:
    ports = "[settings.DATABASES[name]['PORT'] for name in ('default', 'owner')]"
    assert setting(tmp_path, ports, SEALWRIGHT_LOCAL=local) == [1, 1]


@pytest.mark.parametrize(
    ("scheme", "tls", "ssl"),
    [("smtp", False, False), ("smtp+tls", True, False), ("smtp+ssl", False, True)],
)
def test_staff_mail_is_protected_as_its_address_says(
    tmp_path: Path, scheme: str, tls: bool, ssl: bool
) -> None:
    url = f"{scheme}://user:password@mail.test:465"
    both = "[settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL]"
    assert setting(tmp_path, both, STAFF_MAIL_URL=url) == [tls, ssl]


def test_no_upload_has_a_handler_that_writes_to_disk() -> None:
    assert settings.FILE_UPLOAD_HANDLERS == [
        "django.core.files.uploadhandler.MemoryFileUploadHandler"
    ]


def test_sign_in_limits_count_by_what_your_own_proxies_say(tmp_path: Path) -> None:
    count = "settings.ALLAUTH_TRUSTED_PROXY_COUNT"
    assert setting(tmp_path, count) == 0
    assert setting(tmp_path, count, TRUSTED_PROXIES="2") == 2
