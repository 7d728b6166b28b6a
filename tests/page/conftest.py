"""One Chromium for all tests of the page, and windows in it: each a person with a session of their own."""

import datetime as dt
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Literal, Protocol
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, WebError, async_playwright, expect

from tests.support import NO_TLS, PASSWORD, Database, Service, chromium_executable

# Many times what anything here takes, for machines that do much else; a second is the target for what others do.
SECONDS = 20
expect.set_options(timeout=SECONDS * 1000)

ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Chromium reports an answer of 4xx or 5xx and a refused socket by itself; several tests are about just these.
EXPECTED = ("Failed to load resource", "WebSocket connection to", "htmx: htmx:ws:error", "htmx: htmx:error")


class Open(Protocol):
    """`await open_window(day, driver)`: see the fixture of that name."""

    async def __call__(
        self,
        day: dt.date | None = None,
        driver: str | None = None,
        *,
        width: int = 1100,
        scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        forced_colors: Literal["active", "none"] = "none",
        reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
    ) -> Page: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The distribution's Chromium, or Playwright's own where there is none."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_executable(), args=ARGUMENTS)
        yield browser
        await browser.close()


_numbers = itertools.count(1)


@pytest.fixture
def day(module_database: Database) -> dt.date:
    """A day of its own for every test, so that the tests of a module can share a service."""
    today = dt.date.fromisoformat(module_database.psql("select today from parking.find_lot()"))
    return today + dt.timedelta(days=next(_numbers) % 300 + 1)


@asynccontextmanager
async def windows(browser: Browser, service: Service) -> AsyncIterator[Open]:
    """Opens windows on a service, and looks through their consoles in the end: a broken script or a violation of the
    Content-Security-Policy shows there and nowhere else."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(EXPECTED):
            complaints.append(message.text)

    def on_error(error: WebError) -> None:
        complaints.append(str(error.error))

    async def open_window(
        day: dt.date | None = None,
        driver: str | None = None,
        *,
        width: int = 1100,
        scheme: Literal["light", "dark"] = "light",
        javascript: bool = True,
        forced_colors: Literal["active", "none"] = "none",
        reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
    ) -> Page:
        context = await browser.new_context(
            base_url=service.url,
            locale="en-GB",
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            forced_colors=forced_colors,
            reduced_motion=reduced_motion,
            java_script_enabled=javascript,
        )
        context.set_default_timeout(SECONDS * 1000)
        context.on("console", on_console)
        context.on("weberror", on_error)
        contexts.append(context)
        page = await context.new_page()
        if driver:
            await sign_in_unseen(context, driver)
        await page.goto(f"/?{urlencode({'date': str(day)})}" if day else "/")
        if javascript:
            await until_live(page)
        return page

    try:
        yield open_window
    finally:
        for context in contexts:
            await context.close()
    assert not complaints


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(browser: Browser, module_service: Service) -> AsyncIterator[Open]:
    """`await open_window(day, driver)` gives the board of that day in a window of its own, signed in or not, once it is
    live; today's without a day."""
    async with windows(browser, module_service) as open_window:
        yield open_window


@pytest.fixture
def http(module_service: Service) -> Iterator[httpx.Client]:
    """A plain HTTP client with a cookie jar, for what a browser hides."""
    with httpx.Client(base_url=module_service.url, timeout=20, trust_env=False, verify=NO_TLS) as client:
        yield client


async def sign_in_unseen(context: BrowserContext, email: str, password: str = PASSWORD) -> None:
    """What sign_in_here() does, without showing it: that takes a second of a core."""
    await context.request.get("/sign-in")
    (token,) = [cookie["value"] for cookie in await context.cookies() if cookie["name"] == "csrf"]
    form: dict[str, str | float | bool] = {"email": email, "password": password, "next": "/", "_csrf_token": token}
    answer = await context.request.post("/sign-in", form=form, max_redirects=0)
    assert answer.status == 303, await answer.text()


async def sign_in_here(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fill in the sign-in page that is shown, and send it."""
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(password)
    async with page.expect_navigation():
        await page.get_by_role("button", name="Sign in").click()


async def until_live(page: Page) -> None:
    """Until the board follows by itself."""
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
