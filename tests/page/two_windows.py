"""Draws two-windows.png, the README's picture: two drivers' windows after one has booked.

.venv/bin/python -m tests.page.two_windows
"""

import asyncio
import datetime as dt
from base64 import b64encode
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.page.board import book, cell, expect_status
from tests.page.conftest import ARGUMENTS, windows
from tests.support import DRIVER_1, DRIVER_2, Service, chromium_executable, new_database, template_database
from tests.support.cluster import shared_cluster

PICTURE = Path(__file__).with_name("two-windows.png")
WIDTH, HEIGHT, GAP, BAR = 760, 760, 24, 34
STYLE = f"""
body {{ margin: 0; padding: {GAP}px; display: flex; gap: {GAP}px; width: max-content; background: #c9d0de; }}
figure {{ margin: 0; border-radius: 12px; overflow: hidden; background: #e9ecf2; box-shadow: 0 8px 30px #141e3c59; }}
figcaption {{ height: {BAR}px; padding: 0 14px; display: flex; gap: 7px; align-items: center; }}
i {{ width: 11px; height: 11px; border-radius: 50%; background: #b4bccb; }}
img {{ display: block; width: {WIDTH}px; height: {HEIGHT}px; }}
"""


async def draw(browser: Browser, service: Service) -> bytes:
    """The picture, as PNG."""
    today = dt.date.fromisoformat(service.database.psql("select today from parking.find_lot()"))
    day = today + dt.timedelta(days=1)
    book(service.database, 2, day, 8, DRIVER_2)
    book(service.database, 5, day, 16, DRIVER_1)
    async with windows(browser, service) as open_window:
        left = await open_window(day, DRIVER_1, width=WIDTH)
        right = await open_window(day, DRIVER_2, width=WIDTH)
        await cell(left, 3, day, 12).click()
        await expect_status(cell(left, 3, day, 12), "yours")
        await expect_status(cell(right, 3, day, 12), "booked")
        frames = [await frame(page) for page in (left, right)]
        await left.set_viewport_size({"width": 2 * WIDTH + 3 * GAP, "height": HEIGHT + BAR + 2 * GAP})
        await left.goto("about:blank")
        await left.set_content(f"<style>{STYLE}</style>{''.join(frames)}")
        return await left.screenshot()


async def frame(page: Page) -> str:
    await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    await page.mouse.move(0, 0)
    image = b64encode(await page.screenshot(animations="disabled")).decode()
    return f"<figure><figcaption><i></i><i></i><i></i></figcaption><img src='data:image/png;base64,{image}'></figure>"


async def main() -> None:
    """Needs no more than the tests do, and leaves nothing but the picture."""
    with shared_cluster() as cluster, new_database(cluster, template=template_database(cluster)) as database:
        async with Service(database) as service, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium_executable(), args=ARGUMENTS)
            PICTURE.write_bytes(await draw(browser, service))
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
