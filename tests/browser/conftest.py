"""A whole running Sealwright, and Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.urls import set_script_prefix
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django import Settings

from accounts import services
from accounts.rules import Role
from config.demo.world.servers import DNS_ADDRESS, NETWORK, MailWorld
from config.embedded.run import start_application
from config.embedded.state import free_port
from config.embedded.supervisor import Supervisor
from tests.people import PASSWORD, Room, verified_device
from tests.programs import skip_unless_required

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESK, PHONE = 1440, 390
WIDTHS = {DESK, PHONE}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")  # its event loop must not outlive the browser's tests
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        skip_unless_required("Chromium is not installed, so the browser tests did not run")
    # Playwright keeps an event loop in this thread; the database is used beside it, not inside.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def origin(
    committed_room: Room,
    own_database: str,
    mail_world: MailWorld,
    tmp_path: Path,
    settings: Settings,
) -> Iterator[str]:
    """Web server, workers and beat over this test's database; yields where the site is."""
    mail_world.store.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]  # the site's
    port = free_port()
    address = f"http://localhost:{port}"
    committed_room.riverside.link_origin = address
    committed_room.riverside.save()
    for person in committed_room.people.values():
        services.set_password(person, PASSWORD)
        verified_device(person)
    supervisor = Supervisor(tmp_path)
    try:
        env = _environment(settings, port, own_database, mail_world, tmp_path)
        start_application(supervisor, env)
        _wait_for(address, supervisor)
        yield address
    finally:
        supervisor.stop_all()
        set_script_prefix("/")


def _environment(
    settings: Settings, port: int, database: str, world: MailWorld, folder: Path
) -> dict[str, str]:
    db = settings.DATABASES["default"]
    credentials = f"{db['USER']}:{db['PASSWORD']}@{db['HOST']}:{db['PORT']}"
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SEALWRIGHT_LOCAL": "1",
        "SEALWRIGHT_FOLDER": str(folder),
        "PORT": str(port),
        "DATABASE_URL": f"postgres://{credentials}/{database}",
        "REDIS_URL": f"{settings.REDIS_URL.rpartition('/')[0]}/{_queue_of_this_process()}",
        "SECRET_KEY": settings.SECRET_KEY,
        "MASTER_KEY": settings.MASTER_KEY,
        "SMTP_PORT": str(world.smtp_port),
        "SMTP_CA_FILE": str(world.ca_path),
        "MAIL_RESOLVERS": f"{DNS_ADDRESS}:{world.dns_port}",
        "MAIL_ALLOWED_NETWORKS": NETWORK,
        "SMTP_BACK_OFF_MINUTES": "0.02",
    }


def _queue_of_this_process() -> int:
    """A Redis database of its own: two sites at once would take each other's tasks."""
    return 7 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8


def _wait_for(address: str, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        supervisor.check()
        try:
            if requests.get(f"{address}/accounts/login/", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    pytest.fail("the site did not start")


class Person:
    """Somebody at a browser of their own."""

    def __init__(self, browser: Browser, origin: str, width: int = DESK) -> None:
        self.origin = origin
        self.width = width
        self.context = browser.new_context(viewport={"width": width, "height": 900})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )

    def sign_in(self, room: Room, role: Role) -> Person:
        """With password and code, as everybody does."""
        from django_otp.oath import TOTP

        user = room.people[role]
        self.page.goto(f"{self.origin}/accounts/login/")
        self.page.get_by_label("Email").fill(user.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        code = TOTP(verified_device(user).key).token()
        self.page.get_by_label("Code").fill(f"{code:06}")
        self.page.get_by_role("button", name="Continue").click()
        self.page.wait_for_url(f"{self.origin}/o/riverside/")
        return self

    def check_page(self, axe: str) -> None:
        """On a desk and on a phone: nothing serious for axe, nothing wider than the screen. No
        script complained."""
        for width in (*(WIDTHS - {self.width}), self.width):
            self.page.set_viewport_size({"width": width, "height": 900})
            self._check(axe)
        assert not self.complaints, (self.page.url, self.complaints)

    def _check(self, axe: str) -> None:
        self.page.evaluate(axe)
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        serious = [
            f"{each['id']}: {each['nodes'][0]['html'][:100]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert not serious, (self.page.url, self.page.viewport_size, serious)
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 1, (self.page.url, self.page.viewport_size, wide)


@pytest.fixture
def axe(settings: Settings) -> str:
    return (settings.BASE_DIR / "node_modules/axe-core/axe.min.js").read_text()
