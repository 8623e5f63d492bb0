"""One small file over HTTPS, from an address that was chosen before."""

import asyncio
import ssl
from collections.abc import Sequence

MAX_HEAD = 16 * 1024
MAX_BODY = 64 * 1024  # RFC 8461 3.3
# Seconds for everything.
PATIENCE = 10.0


class FetchError(Exception):
    """The file could not be had. ``kind`` says why."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


async def fetch_text(
    host: str, path: str, addresses: Sequence[str], context: ssl.SSLContext, port: int = 443
) -> str:
    """The ASCII text at ``https://host/path``. Raises :class:`FetchError`.

    Connects to the given addresses only, verifies the certificate for ``host``, follows no
    redirect, and takes a complete ``200`` of type ``text/plain`` within bounds and nothing else.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            for address in addresses:
                try:
                    reader, writer = await asyncio.open_connection(
                        address, port, ssl=context, server_hostname=host, limit=MAX_HEAD
                    )
                except OSError:
                    continue
                try:
                    writer.write(_request(host, path))
                    return await _response(reader)
                finally:
                    writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise FetchError("broken") from None
    except (ValueError, UnicodeDecodeError):
        raise FetchError("not_http") from None
    raise FetchError("unreachable")


def _request(host: str, path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\n"
        "User-Agent: Sealwright\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


async def _response(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    version, _, code = status.partition(" ")
    if version not in ("HTTP/1.0", "HTTP/1.1") or code[:3] != "200":
        raise FetchError("not_200")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or (name in _ONCE and name in headers):
            raise ValueError("A header is malformed or repeated.")
        headers[name] = value.strip()
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "text/plain":
        raise FetchError("not_text")
    return (await _body(reader, headers)).decode("ascii")


_ONCE = frozenset({"content-type", "content-length", "transfer-encoding"})


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """The body, whose end must be told: one that just breaks off may have been cut."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := _size((await reader.readuntil(b"\r\n")).split(b";")[0].strip(), 16):
            body += await reader.readexactly(_allowed(len(body) + size) - len(body))
            if await reader.readexactly(2) != b"\r\n":
                raise ValueError("A chunk does not end where it says.")
        return body
    if "transfer-encoding" in headers:
        raise ValueError("The coding of the body is unknown.")
    return await reader.readexactly(_allowed(_size(headers.get("content-length", "").encode(), 10)))


def _size(digits: bytes, base: int) -> int:
    if not digits.isalnum() or len(digits) > 8:
        raise ValueError("A size is malformed.")
    return int(digits, base)


def _allowed(size: int) -> int:
    if size > MAX_BODY:
        raise FetchError("too_long")
    return size
