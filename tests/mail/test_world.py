"""The demo's mail world as its own process."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.demo.world.servers import MailWorld, WorldError
from config.demo.world.store import MailStore


def test_it_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "config.demo.world", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Mail world ready: SMTP on port")
        facts = json.loads((tmp_path / "world.json").read_text())
        with socket.create_connection(("127.0.1.1", facts["smtp_port"]), timeout=5) as connection:
            assert connection.recv(100).startswith(b"220 mx1.riverside-mail.test")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert facts["domains"]["oldpost.test"] == ["expired certificate"]
    assert Path(facts["ca_path"]).exists()
    assert MailStore(Path(facts["store_path"])).recent(10) == []


@pytest.mark.parametrize("option", ["smtp_port", "dns_port"])
def test_a_taken_port_is_said_plainly(tmp_path: Path, option: str) -> None:
    kind = socket.SOCK_STREAM if option == "smtp_port" else socket.SOCK_DGRAM
    address = "127.0.1.1" if option == "smtp_port" else "127.0.0.1"

    async def start(port: int) -> None:
        world = MailWorld(tmp_path, **{option: port})
        try:
            await world.start()
        finally:
            await world.stop()

    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WorldError, match=f"Port {port} .* is taken"):
            asyncio.run(start(port))
