"""Clips on pages: yt-dlp in a child, and real pages on loopback behind the address check."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import web

from bot.domain.progress import ignore_progress
from bot.errors import AddressNotPublic, TooLong, Unreachable
from bot.media.fetch.download import MEDIA_HEAD, Fetched, Fetcher, Request
from bot.media.fetch.sites import MODULE, SiteFetcher, _PageRequests
from bot.media.sandbox.pool import Sandbox
from tests.conftest import CLIPS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")
TASKS = "tests.media.fetch.page_tasks"
CITY = (CLIPS / "city.mp4").read_bytes()
LONGEST = 600_000
SOURCES = """
<source src="/240.mp4" res="240"><source src="/1080.mp4" res="1080">
<source src="/480.mp4" res="480"><source src="/pieces.m3u8">
"""
LD = """<script type="application/ld+json">{{"@context": "http://schema.org",
"@type": "VideoObject", "name": "x", "duration": "{}", "contentUrl": "http://{}/city.mp4"}}</script>
"""
PAGES: dict[str, str] = {
    "preview": '<meta property="og:video" content="/city.mp4">',
    "player": f"<video>{SOURCES}</video>",
    "embedded": LD,
    "long": LD,
    "nothing": "words",
    "pieces.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640x360\npiece.ts\n",
    "elsewhere": '<meta property="og:video" content="http://10.0.0.1/city.mp4">',
}


class Site:
    """Serves pages, some of them hostile, and records requests."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.cookies: dict[str, str | None] = {}
        self.address = ""

    def link(self, name: str) -> str:
        return f"http://{self.address}/{name}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.asked[name] += 1
        self.cookies[name] = request.headers.get("Cookie")
        if name.endswith(".mp4"):
            return web.Response(body=CITY, content_type="video/mp4")
        if name == "redirect":
            raise web.HTTPFound("http://192.168.0.1/page")
        if name.endswith(".m3u8"):
            return web.Response(text=PAGES[name], content_type="application/x-mpegurl")
        if name == "endless":
            return await self._endless(request)
        if name.startswith("loop"):
            return self._page(f'<meta http-equiv="refresh" content="0;url=/{name}0">')
        duration = "PT50M" if name == "long" else "PT5S"
        page = PAGES[name]
        return self._page(page.format(duration, self.address) if page is LD else page)

    def _page(self, body: str) -> web.Response:
        head = "<title>a page</title>"
        page = web.Response(text=f"<html>{head}{body}</html>", content_type="text/html")
        page.set_cookie("seen", "1")
        return page

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        await response.prepare(request)
        while request.transport and not request.transport.is_closing():
            await response.write(b"<p>more</p>" * 10_000)
        return response


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/{name}", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.address = "{}:{}".format(*runner.addresses[0][:2])
    yield site
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    """One sandbox for all tests, as yt-dlp takes long to start."""
    async with _sandbox(tmp_path_factory.mktemp("sites"), TASKS) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fetcher(site: Site, sandbox: Sandbox) -> AsyncIterator[SiteFetcher]:
    async with opened(site, sandbox) as one:
        yield one


def _sandbox(folder: Path, *modules: str) -> Sandbox:
    return Sandbox(workers=1, folder=folder, modules=(MODULE, *modules))


def opened(site: Site, sandbox: Sandbox) -> SiteFetcher:
    host, _, port = site.address.partition(":")
    hosts = {(host, int(port))}
    return SiteFetcher(hosts, sites={host}, sandbox=sandbox, longest=LONGEST)


async def get(fetcher: Fetcher, link: str, folder: Path) -> Fetched:
    return await fetcher.fetch(link, folder / "clip", 1_000_000, ignore_progress)


@pytest.mark.parametrize(
    ("page", "file"), [("preview", "city.mp4"), ("embedded", "city.mp4"), ("player", "480.mp4")]
)
async def test_the_clip_of_a_page_is_fetched(
    page: str, file: str, fetcher: Fetcher, site: Site, tmp_path: Path
) -> None:
    site.asked.clear()
    fetched = await get(fetcher, site.link(page), tmp_path)
    assert (tmp_path / "clip").read_bytes() == CITY
    assert (fetched.size, fetched.public) == (len(CITY), False)
    assert set(site.asked) - {"pieces.m3u8"} == {page, file}
    assert (site.cookies[page], site.cookies[file]) == (None, "seen=1")


async def test_what_every_page_needs_is_loaded_once(
    fetcher: SiteFetcher, sandbox: Sandbox, site: Site
) -> None:
    request = {"link": site.link("nothing"), "longest": LONGEST, "largest": 1_000_000}
    requests = _PageRequests(fetcher)
    task = f"{TASKS}:loaded_later"
    assert await sandbox.run(task, request, seconds=60, on_question=requests.answer) == []


async def test_a_link_to_a_file_is_not_a_page(fetcher: Fetcher, site: Site, tmp_path: Path) -> None:
    site.asked.clear()
    assert (await get(fetcher, site.link("city.mp4"), tmp_path)).size == len(CITY)
    assert site.asked == {"city.mp4": 1}


async def test_a_clip_that_is_too_long_is_refused_before_the_download(
    fetcher: Fetcher, site: Site, tmp_path: Path
) -> None:
    with pytest.raises(TooLong, match="50 min"):
        await get(fetcher, site.link("long"), tmp_path)
    assert not (tmp_path / "clip").exists()


async def test_a_page_without_a_clip_is_refused(
    fetcher: Fetcher, site: Site, tmp_path: Path
) -> None:
    with pytest.raises(Unreachable) as refused:
        await get(fetcher, site.link("nothing"), tmp_path)
    assert "Unsupported URL" in refused.value.detail


@pytest.mark.parametrize("page", ["redirect", "elsewhere"])
async def test_a_page_cannot_lead_into_a_private_network(
    page: str, fetcher: Fetcher, site: Site, tmp_path: Path
) -> None:
    with pytest.raises(AddressNotPublic):
        await get(fetcher, site.link(page), tmp_path)


async def test_an_endless_page_is_refused(fetcher: Fetcher, site: Site, tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as refused:
        await get(fetcher, site.link("endless"), tmp_path)
    assert "too_large" in refused.value.detail


async def test_a_page_that_redirects_too_often_is_refused(
    fetcher: Fetcher, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.media.fetch.sites.MAX_REQUESTS", 5)
    site.asked.clear()
    with pytest.raises(Unreachable):
        await get(fetcher, site.link("loop"), tmp_path)
    assert site.asked.total() == 5
    assert site.cookies["loop0"] == "seen=1"


async def test_only_the_start_of_a_media_file_is_read(site: Site, tmp_path: Path) -> None:
    host, _, port = site.address.partition(":")
    async with Fetcher({(host, int(port))}) as fetcher:
        answered = await fetcher.save_response(
            Request(site.link("city.mp4")), tmp_path / "start", 100_000
        )
    assert answered.status == 200
    size = (tmp_path / "start").stat().st_size
    assert 0 < size <= MEDIA_HEAD < len(CITY)
    assert CITY.startswith((tmp_path / "start").read_bytes())


async def test_requests_of_a_compromised_child_are_refused(site: Site, tmp_path: Path) -> None:
    host, _, port = site.address.partition(":")
    plain: dict[str, Any] = {
        "link": site.link("nothing"),
        "method": "GET",
        "headers": {"Host": "other.example", "Accept-Encoding": "gzip"},
        "body": None,
    }
    async with Fetcher({(host, int(port))}) as fetcher:
        requests = _PageRequests(fetcher)
        assert (await requests.answer(plain, tmp_path))["status"] == 200
        for change, refused in (
            ({"link": "file:///etc/passwd"}, "unsupported_url"),
            ({"link": "http://169.254.169.254/"}, "address_not_public"),
            ({"link": site.link("missing").replace("http:", "http:/")}, "unsupported_url"),
            ({"method": "DELETE"}, "unreachable"),
            # An allowed host must not redirect to private addresses.
            ({"method": "POST", "body": "x"}, "unreachable"),
            ({"method": "POST", "body": "x" * 100_001}, "unreachable"),
            ({"headers": []}, "damaged"),
            ({"headers": {"X": "a\r\nHost: b"}}, "unreachable"),
        ):
            answer = await requests.answer(plain | change, tmp_path)
            assert answer["error"].startswith(refused), answer
        assert "damaged" in (await requests.answer("nonsense", tmp_path))["error"]


@pytest.mark.usefixtures("fresh_sandboxes")
async def test_a_broken_yt_dlp_affects_pages_only(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yt_dlp").mkdir()
    (tmp_path / "yt_dlp" / "__init__.py").write_text("raise ImportError('half an update')")
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "work"
    async with _sandbox(folder) as sandbox, opened(site, sandbox) as one:
        with pytest.raises(Unreachable) as refused:
            await get(one, site.link("preview"), tmp_path)
        assert "half an update" in refused.value.detail
        assert (await get(one, site.link("city.mp4"), tmp_path)).size == len(CITY)
