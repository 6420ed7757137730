from __future__ import annotations

import asyncio
import hashlib
import io
import socket
import threading
import tracemalloc
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import pytest
from aiohttp import web

from bot.domain.progress import Progress, Stage, ignore_progress
from bot.errors import (
    AddressNotPublic,
    NotFound,
    TooLarge,
    TooSlow,
    Unreachable,
    UnsupportedUrl,
)
from bot.media.fetch import overhead
from bot.media.fetch.download import Fetcher, Request, _BackgroundWriter, _redirected
from bot.media.fetch.guard import TIMEOUTS, AddressRefusedError, _PublicResolver, guarded_session
from bot.media.fetch.own_networks import OwnNetworks
from bot.media.fetch.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY = bytes(range(256)) * 4000


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


async def whole(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=BODY)


async def raw(request: web.Request, answer: bytes) -> web.StreamResponse:
    """Answer with exactly these bytes and close the connection."""
    transport = request.transport
    assert isinstance(transport, asyncio.Transport)
    transport.write(answer)
    transport.close()
    return web.Response()


def address_of(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name, int(port)


def fetcher(*hosts: str, **timeouts: float) -> Fetcher:
    pairs = [address_of(host) for host in hosts]
    if timeouts:
        return Fetcher(pairs, aiohttp.ClientTimeout(**timeouts))
    return Fetcher(pairs)


async def fetch(source: Fetcher, link: str, into: Path, limit: int = 10_000_000) -> Any:
    async with source:
        return await source.fetch(link, into, limit, ignore_progress)


async def test_a_download_is_complete_and_has_its_fingerprint(tmp_path: Path) -> None:
    seen: list[Progress] = []
    async with serving(whole) as host, fetcher(host) as source:
        fetched = await source.fetch(
            f"http://{host}/a.mp4", tmp_path / "clip", len(BODY), seen.append
        )
    assert (tmp_path / "clip").read_bytes() == BODY
    assert fetched.size == len(BODY)
    assert fetched.fingerprint == f"sha256:{hashlib.sha256(BODY).hexdigest()}"
    assert seen[-1] == Progress(Stage.DOWNLOAD, len(BODY), len(BODY))


async def test_a_large_clip_is_streamed_to_the_disk(tmp_path: Path) -> None:
    pieces, piece = 40, BODY[:-24]  # its length is not a multiple of a batch

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(pieces):
            await response.write(piece)
        return response

    seen: list[Progress] = []
    async with serving(stream) as host, fetcher(host) as source:
        tracemalloc.start()
        try:
            fetched = await source.fetch(
                f"http://{host}/", tmp_path / "clip", pieces * len(piece), seen.append
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    whole_clip = piece * pieces
    assert (tmp_path / "clip").read_bytes() == whole_clip
    assert fetched.fingerprint == f"sha256:{hashlib.sha256(whole_clip).hexdigest()}"
    assert seen[-1].done == fetched.size == len(whole_clip)
    assert len(seen) > 10
    assert peak < len(whole_clip) / 4


async def test_writing_waits_for_a_slow_disk() -> None:
    may, written = threading.Event(), io.BytesIO()

    class SlowDisk(io.BytesIO):
        def write(self, batch: Any, /) -> int:
            may.wait(10)
            return written.write(batch)

    writer = _BackgroundWriter(SlowDisk())
    await writer.write(bytearray(b"first"))
    second = asyncio.create_task(writer.write(bytearray(b", second")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not second.done()
    may.set()
    await second
    await writer.flush()
    assert written.getvalue() == b"first, second"


async def test_a_download_from_an_allowed_host_is_not_public(tmp_path: Path) -> None:
    async with serving(whole) as host:
        assert not (await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip")).public


async def test_an_announced_size_over_the_limit_is_refused_early(tmp_path: Path) -> None:
    async with serving(whole) as host:
        with pytest.raises(TooLarge, match=r"1\.024 MB\. The limit is 1\.023999 MB"):
            await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip", len(BODY) - 1)
    assert not (tmp_path / "clip").exists()


async def test_received_bytes_count_not_the_announced_size(tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(BODY)

    async with serving(endless) as host:
        with pytest.raises(TooLarge, match="at least"):
            await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip", 3_000_000)
    assert (tmp_path / "clip").stat().st_size <= 3_000_000


@pytest.mark.parametrize(
    "link",
    [
        "ftp://a.example/x.mp4",
        "ftp://a.example:80/x.mp4",
        "ws://a.example/x.mp4",
        "file:///etc/passwd",
        "http://a.example:8080/x.mp4",
        "http://user@a.example/x.mp4",
        "http://user:pass@a.example/x.mp4",
        "http://@a.example/x.mp4",
        "http://:@a.example/x.mp4",
        "http:///x.mp4",
        "http:a.example/x.mp4",
        "http://a.example:/x.mp4",
        "http://a.example:+80/x.mp4",
        "http://a.example:8_0/x.mp4",
        "http://a.example:080/x.mp4",
        "http://a.example:\uff18\uff10/x.mp4",
        "http://a%2eexample/x.mp4",
        "http://a.example\\@b.example/",
        "http://a.example/ x",
        "http://a.example/\x00",
        "http://a.example:99999/",
        "http://[::1",
        "hello",
        "http://a.example/" + "x" * 3000,
    ],
)
async def test_unusual_links_are_refused(link: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedUrl):
        await fetch(fetcher(), link, tmp_path / "clip")


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
    ],
)
async def test_addresses_that_are_not_public_are_refused(link: str, tmp_path: Path) -> None:
    with pytest.raises(AddressNotPublic):
        await fetch(fetcher(), link, tmp_path / "clip")


@pytest.mark.parametrize("spelling", ["127.0.0.1", "localhost", "0x7f.1", "127.1", "2130706433"])
async def test_other_spellings_of_private_addresses_are_refused(spelling: str) -> None:
    """A server listens there. aiohttp itself rejects numbers without three dots."""
    async with serving(whole) as host, guarded_session(TIMEOUTS, OwnNetworks()) as session:
        link = f"http://{spelling}:{host.rpartition(':')[2]}/"
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
            async with session.get(link):
                pass


async def test_the_address_is_checked_when_connecting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the socket holds without the resolver's, as with a rebinding name server."""
    monkeypatch.setattr("bot.media.fetch.guard._PublicResolver.resolve", _loopback)
    with pytest.raises(AddressNotPublic):
        await fetch(fetcher(), "http://rebound.example/", tmp_path / "clip")


async def test_a_name_with_any_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def both(_self: object, host: str, port: int, family: int) -> list[dict[str, Any]]:
        (private,) = await _loopback(_self, host, port, family)
        return [{**private, "host": "8.8.8.8"}, private]

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", both)
    with pytest.raises(AddressRefusedError):
        await _PublicResolver(OwnNetworks()).resolve("both.example", 80)


async def _loopback(_self: object, host: str, port: int, family: int) -> list[dict[str, Any]]:
    return [
        {
            "hostname": host,
            "host": "127.0.0.1",
            "port": port,
            "family": family or 2,
            "proto": 0,
            "flags": 0,
        }
    ]


def test_a_refused_address_reads_like_an_unreachable_one() -> None:
    assert str(AddressNotPublic(detail="10.0.0.1")) == str(Unreachable(detail="refused"))


async def test_a_redirect_to_a_private_address_is_refused(tmp_path: Path) -> None:
    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://127.0.0.1/")

    async with serving(elsewhere) as host:
        with pytest.raises(AddressNotPublic):
            await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip")


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/",
        "http://user@127.0.0.1/",
        "http://@127.0.0.1/",
        "//127.0.0.1:+80/",
        "/\t/127.0.0.1:+80/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
    ],
)
async def test_a_redirect_to_an_unusual_link_is_refused(location: str, tmp_path: Path) -> None:
    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location})

    async with serving(elsewhere) as host:
        with pytest.raises(UnsupportedUrl):
            await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip")


SIGNED = "/a%2Fb%7Ec~/%2c%3A%40/x%20y.mp4?sig=aZ%2B%2f%3D+1/2&t=%7E~%2C,&e=&&x='(!)*;@:"


async def test_links_and_redirects_are_sent_as_they_are_written(tmp_path: Path) -> None:
    asked: list[str] = []

    async def signed(request: web.Request) -> web.StreamResponse:
        asked.append(request.raw_path)
        if len(asked) < 3:
            target = SIGNED if len(asked) == 1 else f"http://{host}{SIGNED}"
            return web.Response(status=302, headers={"Location": target})
        return web.Response(body=BODY)

    async with serving(signed) as host:
        await fetch(fetcher(host), f"http://{host}{SIGNED}#part", tmp_path / "clip")
    assert asked == [SIGNED] * 3


async def test_letters_that_cannot_be_sent_are_encoded(tmp_path: Path) -> None:
    asked: list[str] = []

    async def named(request: web.Request) -> web.StreamResponse:
        asked.append(request.raw_path)
        if len(asked) == 1:
            return web.Response(status=302, headers={"Location": "cät 1.mp4"})
        return web.Response(body=BODY)

    async with serving(named) as host:
        await fetch(fetcher(host), f"http://{host}/a/kätzchen?q=ü", tmp_path / "clip")
    assert asked == ["/a/k%C3%A4tzchen?q=%C3%BC", "/a/c%C3%A4t%201.mp4"]


async def test_at_most_ten_redirects_are_followed(tmp_path: Path) -> None:
    async def further(request: web.Request) -> web.StreamResponse:
        step = int(request.path.strip("/"))
        if step == 0:
            return web.Response(body=BODY)
        raise web.HTTPFound(f"/{step - 1}")

    async with serving(further) as host:
        assert (await fetch(fetcher(host), f"http://{host}/10", tmp_path / "a")).size == len(BODY)
        with pytest.raises(Unreachable):
            await fetch(fetcher(host), f"http://{host}/11", tmp_path / "b")


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFound), (410, NotFound), (403, Unreachable), (500, Unreachable), (204, Unreachable)],
)
async def test_other_statuses_have_their_own_errors(
    status: int, error: type[Exception], tmp_path: Path
) -> None:
    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with serving(refuse) as host:
        with pytest.raises(error):
            await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip")


async def test_a_truncated_download_is_not_accepted(tmp_path: Path) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        return await raw(request, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    async with serving(cut) as host:
        with pytest.raises(Unreachable):
            await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip")


async def test_a_stalled_download_times_out(tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def stall(_request: web.Request) -> web.StreamResponse:
        await stop.wait()
        return web.Response()

    async with serving(stall) as host:
        with pytest.raises(TooSlow):
            await fetch(fetcher(host, sock_read=0.05), f"http://{host}/", tmp_path / "clip")
        stop.set()


async def test_a_slow_download_times_out(tmp_path: Path) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.02)

    async with serving(drip) as host:
        with pytest.raises(TooSlow):
            await fetch(fetcher(host, total=0.3), f"http://{host}/", tmp_path / "clip")


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = b"x" * 4000


@pytest.mark.parametrize(
    ("start", "more"),
    [
        pytest.param(OK + b"X-A: ", b".", id="a header"),
        pytest.param(OK + b"\r\n", b".", id="the body"),
        pytest.param(CHUNKED + b"5;", LONG, id="an extension of a chunk"),
        pytest.param(CHUNKED, b"1;" + LONG + b"\r\na\r\n", id="extensions of chunks"),
    ],
)
async def test_a_download_below_the_minimum_speed_is_given_up(
    tmp_path: Path, start: bytes, more: bytes
) -> None:
    """Only bytes of the body count as progress, however much is sent around them."""

    async def drip(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.write(start)
        while not request.transport.is_closing():
            request.transport.write(more)
            await asyncio.sleep(0.02)
        return web.Response()

    async with serving(drip) as host:
        source = Fetcher([address_of(host)], pace=Pace(size=1000, seconds=0.3))
        with pytest.raises(TooSlow):
            await fetch(source, f"http://{host}/", tmp_path / "clip")


async def test_a_host_that_keeps_the_pace_cannot_send_endless_overhead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overhead, "_IN_BUFFERS", 1024**2)

    async def extend(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.write(CHUNKED)
        while not request.transport.is_closing():
            request.transport.write(b"1;" + LONG + b"\r\na\r\n")
            await asyncio.sleep(0)
        return web.Response()

    async with serving(extend) as host:
        source = Fetcher([address_of(host)], pace=Pace(size=1, seconds=20))
        with pytest.raises(Unreachable) as caught:
            await fetch(source, f"http://{host}/", tmp_path / "clip")
    assert "overhead" in caught.value.detail


async def test_a_download_that_keeps_the_pace_gets_more_time() -> None:
    async with Pace(size=1000, seconds=60).kept() as timer:
        first = timer._timeout.when()
        assert first is not None
        timer.received(999)
        assert timer._timeout.when() == first
        await asyncio.sleep(0.01)  # the clock goes on
        timer.received(1)
        later = timer._timeout.when()
        assert later is not None
        assert later > first


class HeldHosts:
    """Hosts on several ports that hold every request."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._stack = AsyncExitStack()
        self._go_on = asyncio.Event()
        self.arrived: list[str] = []
        self.addresses: list[str] = []

    async def __aenter__(self) -> Self:
        for _ in range(self._count):
            self.addresses.append(await self._stack.enter_async_context(serving(self._hold)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._go_on.set()
        await self._stack.aclose()

    async def _hold(self, request: web.Request) -> web.StreamResponse:
        self.arrived.append(request.host)
        await self._go_on.wait()
        return web.Response()


@asynccontextmanager
async def downloads_of(
    source: Fetcher, links: list[str], into: Path, owners: int = 1
) -> AsyncIterator[None]:
    """Run downloads of some owners while the block runs."""
    started = [
        asyncio.create_task(
            source.fetch(link, into / f"{owner}-{number}", 9, ignore_progress, f"attacker {owner}")
        )
        for owner in range(owners)
        for number, link in enumerate(links)
    ]
    try:
        yield
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)


async def test_an_owner_with_many_slow_links_delays_no_other_owner(tmp_path: Path) -> None:
    async with HeldHosts(10) as slow, serving(whole) as host:
        source = Fetcher(map(address_of, [*slow.addresses, host]))
        links = [f"http://{address}/{n}" for address in slow.addresses for n in range(12)]
        async with source, downloads_of(source, links, tmp_path), asyncio.timeout(40):
            while len(slow.arrived) < 8:  # noqa: ASYNC110 - the hosts tell nobody
                await asyncio.sleep(0.01)
            await source.fetch(f"http://{host}/", tmp_path / "a", 10**7, ignore_progress, "other")
            assert len(slow.arrived) == 8


async def test_a_slow_host_costs_only_its_own_slots(tmp_path: Path) -> None:
    async with HeldHosts(1) as slow, serving(whole) as host:
        source = Fetcher(map(address_of, [*slow.addresses, host]))
        links = [f"http://{slow.addresses[0]}/{n}" for n in range(12)]
        owners = downloads_of(source, links, tmp_path, owners=12)
        async with source, owners, asyncio.timeout(40):
            while len(slow.arrived) < 8:  # noqa: ASYNC110 - the hosts tell nobody
                await asyncio.sleep(0.01)
            link, owner = f"http://{host}/", "attacker 0"
            await source.fetch(link, tmp_path / "a", 10**7, ignore_progress, owner)
            assert len(slow.arrived) == 8


async def test_links_to_other_hosts_never_fill_the_slots_of_discords_cdn(tmp_path: Path) -> None:
    async with HeldHosts(8) as slow, serving(whole) as host:
        source = Fetcher(map(address_of, [*slow.addresses, host]), cdn={host})
        links = [f"http://{address}/{n}" for address in slow.addresses for n in range(2)]
        owners = downloads_of(source, links, tmp_path, owners=8)
        async with source, owners, asyncio.timeout(40):
            while len(slow.arrived) < 32:  # noqa: ASYNC110 - the hosts tell nobody
                await asyncio.sleep(0.01)
            link, owner = f"http://{host}/", "attacker 0"
            await source.fetch(link, tmp_path / "a", 10**7, ignore_progress, owner)
            assert len(slow.arrived) == 32


async def test_a_connection_that_is_never_accepted_times_out(tmp_path: Path) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        host = f"127.0.0.1:{full.getsockname()[1]}"
        with pytest.raises(TooSlow):
            await fetch(fetcher(host, sock_connect=0.05), f"http://{host}/", tmp_path / "clip")


async def test_every_wait_has_a_default_timeout() -> None:
    async with Fetcher() as source:
        for session in (source._guarded, source._unguarded):
            ends = session.timeout
            assert None not in (ends.total, ends.sock_connect, ends.sock_read)


async def test_a_closed_port_is_unreachable(tmp_path: Path) -> None:
    async with serving(whole) as host:
        pass
    with pytest.raises(Unreachable):
        await fetch(fetcher(host), f"http://{host}/", tmp_path / "clip")


async def test_no_cookie_is_kept_between_fetches(tmp_path: Path) -> None:
    cookies: list[str | None] = []

    async def note(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        response = web.Response(body=BODY)
        response.set_cookie("seen", "1")
        return response

    async with serving(note) as address:
        host = (
            f"localhost:{address.rpartition(':')[2]}"  # cookie jars ignore cookies of IP addresses
        )
        async with fetcher(host) as source:
            for name in ("a", "b"):
                await source.fetch(f"http://{host}/", tmp_path / name, 9_999_999, ignore_progress)
    assert cookies == [None, None]


async def test_a_request_sends_its_headers_and_returns_the_response(tmp_path: Path) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        if request.path == "/old":
            raise web.HTTPFound("/new")
        return web.Response(text=request.headers["X-Asked"], status=418, headers={"X-Said": "no"})

    async with serving(refuse) as host, fetcher(host) as source:
        question = Request(f"http://{host}/old", headers={"X-Asked": "tea?"})
        answered = await source.save_response(question, tmp_path / "answer", 100)
    assert (answered.link, answered.status) == (f"http://{host}/new", 418)
    assert ("X-Said", "no") in answered.headers
    assert (tmp_path / "answer").read_text() == "tea?"


@pytest.mark.parametrize(
    ("status", "same_host", "method", "headers"),
    [
        (302, True, "GET", {"Cookie": "a", "Accept": "b"}),
        (307, True, "POST", {"Cookie": "a", "Accept": "b"}),
        (307, False, "POST", {"Accept": "b"}),
    ],
)
def test_a_redirect_drops_secrets_for_another_host(
    status: int, *, same_host: bool, method: str, headers: dict[str, str]
) -> None:
    asked = Request("http://a.example/", "POST", {"Cookie": "a", "Accept": "b"}, b"body")
    following = _redirected(asked, status, same_host=same_host)
    assert (following.method, following.headers) == (method, headers)
    assert following.body == (b"body" if method == "POST" else None)
