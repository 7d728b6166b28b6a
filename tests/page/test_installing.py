"""On the home screen, and without a connection: the page says so, and shows nothing that may be old."""

import re
from io import BytesIO
from struct import unpack

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.page.conftest import windows
from tests.support import DRIVER_1, Database, Service


@pytest.mark.asyncio(loop_scope="session")
async def test_without_a_connection_it_says_so_and_shows_nothing_old(browser: Browser, database: Database) -> None:
    async with Service(database) as service, windows(browser, service) as open_window:
        page = await open_window(driver=DRIVER_1)
        await page.evaluate("navigator.serviceWorker.ready")
        await page.reload()
        assert await page.evaluate("Boolean(navigator.serviceWorker.controller)")
        await page.goto("/bookings")
        await service.stop()

        for address in ("/bookings", "/", "/lots"):
            await page.goto(address)
            await expect(page.get_by_role("heading", name="No connection")).to_be_visible()
            await expect(page.locator(".cell, .stay, form")).to_have_count(0)
            assert DRIVER_1 not in await page.content()
        # It has its style: nothing that it refers to is missing.
        assert await page.locator(".card").evaluate("card => getComputedStyle(card).borderRadius") != "0px"

        await service.start()
        await page.get_by_role("link", name="Try again").click()
        await expect(page.get_by_role("heading", name="Find a spot")).to_be_visible()
        kept = await page.evaluate(
            "caches.keys().then(names => Promise.all(names.map(name => caches.open(name).then(c => c.keys()))))"
            ".then(lists => lists.flat().map(request => new URL(request.url).pathname))"
        )
        assert {re.sub(r"^/static/[0-9a-f]{12}/", "", address) for address in kept} == {
            "/offline",
            "page.css",
            "favicon.svg",
        }


def test_the_manifest_names_what_there_is(http: httpx.Client) -> None:
    answer = http.get("/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert {manifest[name] for name in ("id", "start_url", "scope")} == {"/"}
    for icon in manifest["icons"]:
        picture = http.get(icon["src"])
        assert picture.headers["content-type"] == icon["type"] == "image/png"
        width, height = unpack(">II", BytesIO(picture.content).read(24)[16:])
        assert icon["sizes"] == f"{width}x{height}"
    for shortcut in manifest["shortcuts"]:
        assert http.get(shortcut["url"]).status_code in {200, 303}
    assert 'rel="manifest" href="/manifest.webmanifest"' in http.get("/").text
    assert http.get("/manifest.webmanifest", headers={"Accept-Language": "de"}).json()["name"] == "Parken"


def test_the_worker_is_asked_for_anew_and_keeps_nobodys_page(http: httpx.Client) -> None:
    worker = http.get("/service-worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["cache-control"] == "no-store"
    page = http.get("/offline")
    assert "<form" not in page.text
    assert "set-cookie" not in page.headers or "csrf" not in page.text
