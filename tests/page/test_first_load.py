"""What a first visit costs on the wire, by counting every byte that Chromium is sent."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from tests.page.conftest import until_live
from tests.support import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_MOST = 60_000


class Wire:
    """A relay in front of a service; `sent` is how many bytes have come back through it, heads and frames included."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sent = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The address to visit."""
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._pump(reader, onward), self._pump(there, writer, counts=True), return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counts: bool = False) -> None:
        try:
            while part := await source.read(65_536):
                self.sent += len(part) if counts else 0
                target.write(part)
                await target.drain()
        finally:
            target.close()


async def test_everything_that_a_first_visit_fetches_is_small(
    browser: Browser, module_service: Service, day: dt.date
) -> None:
    """The page and its files, the worker and what that keeps, the board over the socket: from here, and no more."""
    wire = Wire(module_service.port)
    async with wire.listening() as address:
        context = await browser.new_context(locale="en-GB", viewport={"width": 360, "height": 800})
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page = await context.new_page()
        await page.goto(f"{address}/?date={day}")
        await until_live(page)
        await page.evaluate("navigator.serviceWorker.ready")
        await expect(page.locator(".cell")).to_have_count(15)
        # The socket's first frame is the whole board.
        await page.wait_for_load_state("networkidle")
        kept = await page.evaluate(
            "caches.keys().then(names => Promise.all(names.map(name => caches.open(name).then(one => one.keys()))))"
        )
        await context.close()
    assert any(kept), "the worker has kept what it says without a connection"
    assert {urlsplit(each).netloc for each in asked} == {urlsplit(address).netloc}
    assert any(each.endswith("page.css") for each in asked)
    assert 10_000 < wire.sent <= AT_MOST
