"""Draws the README's pictures: two drivers' windows after one has booked, three phones, and an operator's day.

.venv/bin/python -m tests.page.pictures
"""

import asyncio
import datetime as dt
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.page.board import at, book, cell, expect_status, value
from tests.page.conftest import ARGUMENTS, Open, until_live, windows
from tests.support import (
    DRIVER_1,
    DRIVER_2,
    OPERATOR,
    Database,
    Service,
    chromium_executable,
    new_database,
    template_database,
)
from tests.support.cluster import shared_cluster

FOLDER: Final = Path(__file__).parent
GAP, BAR = 24, 34
STYLE: Final = f"""
main {{ display: flex; gap: {GAP}px; align-items: start; width: max-content; padding: {GAP}px; background: #c9d0de; }}
figure {{ margin: 0; border-radius: 12px; overflow: hidden; background: #e9ecf2; box-shadow: 0 8px 30px #141e3c59; }}
figure.phone {{ border: 8px solid #20242c; border-radius: 30px; }}
figcaption {{ height: {BAR}px; padding: 0 14px; display: flex; gap: 7px; align-items: center; }}
i {{ width: 11px; height: 11px; border-radius: 50%; background: #b4bccb; }}
img {{ display: block; }}
"""
# A third of a PNG's size, and nobody sees which it is.
TO_WEBP: Final = """async picture => {
    const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const canvas = Object.assign(document.createElement("canvas"), {width: bitmap.width, height: bitmap.height});
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    return canvas.toDataURL("image/webp", 0.8).split(",")[1];
}"""


async def draw_windows(open_window: Open, database: Database, day: dt.date) -> list[str]:
    """Two windows, in one of which a spot has just been booked."""
    book(database, 2, day, 8, DRIVER_2)
    book(database, 5, day, 16, DRIVER_1)
    left = await open_window(day, DRIVER_1, width=760)
    right = await open_window(day, DRIVER_2, width=760)
    await cell(left, 3, day, 12).click()
    await expect_status(cell(left, 3, day, 12), "yours")
    await expect_status(cell(right, 3, day, 12), "booked")
    return [await frame(page, 760, 760) for page in (left, right)]


async def draw_phones(open_window: Open, database: Database, day: dt.date) -> list[str]:
    """Somebody was faster, and what is free instead; one's bookings, in the dark; and a pass."""
    for spot, ahead, hour in ((3, 0, 12), (4, 1, 8)):
        book(database, spot, day + dt.timedelta(days=ahead), hour)
    board = await open_window(day, DRIVER_1, width=390)
    late = await cell(board, 1, day).get_attribute("value")
    assert late == value(1, day)
    book(database, 1, day, driver=DRIVER_2)
    await expect_status(cell(board, 1, day), "booked")
    await board.evaluate(
        """value => {
            const late = Object.assign(document.createElement('button'), { name: 'cell', value, type: 'submit' });
            late.setAttribute('form', 'booking');
            document.getElementById('main').append(late);
            late.click();
            late.remove();
        }""",
        late,
    )
    await expect(board.locator("#messages .offer")).to_have_count(3)

    mine = await open_window(day, DRIVER_1, width=390, scheme="dark")
    await mine.goto("/bookings")
    await until_live(mine)
    shown = await open_window(day, DRIVER_1, width=390)
    await shown.goto("/bookings")
    await shown.get_by_role("link", name="Pass").first.click()
    await expect(shown.locator("svg.qr")).to_be_visible()
    return [await frame(page, 390, 760, "phone") for page in (board, mine, shown)]


async def draw_day(open_window: Open, database: Database, day: dt.date) -> list[str]:
    """A day at its busiest, lived through hour by hour."""
    booked: list[int] = []
    for hour, spots in ((7, (1, 2, 3)), (8, (4,)), (11, (1, 2, 4, 5)), (12, (3,)), (13, ())):
        set_clock(database, at(day, hour) + dt.timedelta(minutes=20))
        if hour == 11:
            # Who came last leaves first.
            database.psql(f"select from parking.complete(parking.find_person('{DRIVER_2}'), {booked[-1]})")
        slot = 8 if hour < 11 else 12
        booked += [book(database, spot, day, slot, DRIVER_1 if spot % 2 else DRIVER_2) for spot in spots]
    book(database, 2, day, 16, DRIVER_1)
    book(database, 1, day, 16, DRIVER_2)
    say = (
        f"select from parking.set_spot_state(parking.find_person('{OPERATOR}'), 5, 'maintenance', 'Oil on the ground')"
    )
    database.psql(say)
    page = await open_window(day, OPERATOR, width=1180)
    await page.goto(f"/operate?date={day}&spot=5")
    await until_live(page)
    return [await frame(page, 1180, 1120)]


def set_clock(database: Database, moment: dt.datetime) -> None:
    """Let parking.clock() say this moment now."""
    shift = moment - dt.datetime.now(dt.UTC)
    database.psql(f"update parking_private.clock_shift set shift = interval '{shift.total_seconds()} seconds'")


async def frame(page: Page, width: int, height: int, kind: Literal["window", "phone"] = "window") -> str:
    """What a window shows, and its edge."""
    await page.set_viewport_size({"width": width, "height": height})
    await page.mouse.move(0, 0)
    image = b64encode(await page.screenshot(animations="disabled")).decode()
    bar = "<figcaption><i></i><i></i><i></i></figcaption>" if kind == "window" else ""
    return f"<figure class='{kind}'>{bar}<img width='{width}' src='data:image/png;base64,{image}'></figure>"


async def compose(browser: Browser, name: str, frames: list[str]) -> None:
    """One picture of all that are to be seen beside one another."""
    page = await browser.new_page(viewport={"width": 2400, "height": 1400})
    await page.set_content(f"<style>{STYLE}</style><main>{''.join(frames)}</main>")
    picture = b64encode(await page.locator("main").screenshot()).decode()
    (FOLDER / f"{name}.webp").write_bytes(b64decode(await page.evaluate(TO_WEBP, picture)))
    await page.close()


async def main() -> None:
    """Needs no more than the tests do, and leaves nothing but the pictures."""
    drawings = {"two-windows": draw_windows, "phones": draw_phones, "operate": draw_day}
    with shared_cluster() as cluster:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium_executable(), args=ARGUMENTS)
            for name, draw in drawings.items():
                with new_database(cluster, template=template_database(cluster)) as database:
                    today = dt.date.fromisoformat(database.psql("select today from parking.find_lot()"))
                    async with Service(database) as service, windows(browser, service) as open_window:
                        frames = await draw(open_window, database, today + dt.timedelta(days=1))
                await compose(browser, name, frames)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
