"""Runs the demo's mail world until it is told to stop: ``python -m config.demo.world``."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from config.demo.world.servers import MailWorld, WorldError


async def run(world: MailWorld) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await world.start()
    try:
        print(
            f"Mail world ready: SMTP on port {world.smtp_port}, DNS on port {world.dns_port}",
            flush=True,
        )
        await stopped.wait()
    finally:
        await world.stop()


def main() -> int:
    """The exit status: 0 when told to stop, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="config.demo.world", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for certificates and mail")
    parser.add_argument("--smtp-port", type=int, default=0, help="0 chooses a free port")
    parser.add_argument("--dns-port", type=int, default=0, help="0 chooses a free port")
    arguments = parser.parse_args()
    try:
        asyncio.run(run(MailWorld(arguments.folder, arguments.smtp_port, arguments.dns_port)))
    except WorldError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
