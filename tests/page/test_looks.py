"""What one sees: on the smallest phone, with hostile names, and what assistive technology is told."""

import datetime as dt
from typing import Literal

import pytest
from playwright.async_api import Page, expect

from tests.page.board import book, cell, expect_status
from tests.page.conftest import Open
from tests.support import DRIVER_1, DRIVER_2, Database

pytestmark = pytest.mark.asyncio(loop_scope="session")

SMALLEST_PHONE = 320
HOSTILE = """<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'&quot;</table>\u202eevil"""
ENDLESS = "Wundervollerstellplatzohneirgendeinleerzeichenimnamendamiternirgendsumbricht"


async def expect_to_fit(page: Page) -> None:
    wide, room = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= room


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_smallest_phone(
    open_window: Open, module_database: Database, day: dt.date, scheme: Literal["light", "dark"]
) -> None:
    book(module_database, 2, day, driver=DRIVER_2)
    state = "select parking.set_spot_state(parking.find_person('operator@parking.com'), 4, '{}', 'Paint')"
    page = await open_window(day, DRIVER_1, scheme=scheme, width=SMALLEST_PHONE)
    module_database.psql(state.format("maintenance"))
    await expect(cell(page, 4, day)).to_have_attribute("data-status", "maintenance")
    await expect(cell(page, 4, day).locator(".word")).to_have_text("Closed")
    await cell(page, 1, day).click()
    await expect_status(cell(page, 1, day), "yours")
    await expect_to_fit(page)
    for one in await page.locator(".cell").all():
        box = await one.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= SMALLEST_PHONE
        assert min(box["width"], box["height"]) >= 44
        word = one.locator(".word")
        assert await word.evaluate("word => word.scrollWidth <= word.parentElement.clientWidth")
        assert await word.evaluate("word => word.getClientRects().length") == 1
    module_database.psql(state.format("free"))
    await expect_status(cell(page, 4, day), "available")
    for address in ("/account", "/sign-in", "/register", "/problems/database-unavailable", "/?date=never"):
        await page.goto(address)
        await expect_to_fit(page)


async def test_a_board_is_a_table_on_every_screen(open_window: Open, day: dt.date) -> None:
    """A phone's cards are laid out with CSS that takes away a table's roles in some browsers: they are spelled out."""
    for width in (SMALLEST_PHONE, 1100):
        page = await open_window(day, width=width)
        counts = {"table": 1, "rowgroup": 2, "row": 6, "columnheader": 4, "rowheader": 5, "cell": 15}
        for role, count in counts.items():
            await expect(page.locator(f"[role={role}]")).to_have_count(count)
            await expect(page.get_by_role(role)).to_have_count(count)  # type: ignore[arg-type]
        await expect(page.get_by_role("rowheader", name="Spot 3 handicap")).to_be_visible()
        await expect(page.get_by_role("status")).to_have_count(1)
        label = f"Book Spot 3, handicap, 08–12 available, on {day:%A} {day.day} {day:%B}"
        await expect(page.get_by_role("button", name=label, exact=True)).to_be_visible()


async def test_state_is_never_colour_alone(open_window: Open, module_database: Database, day: dt.date) -> None:
    book(module_database, 1, day, driver=DRIVER_1)
    book(module_database, 2, day, driver=DRIVER_2)
    page = await open_window(day, DRIVER_1)
    signs = {}
    for spot, status in ((1, "yours"), (2, "booked"), (3, "available")):
        await expect_status(cell(page, spot, day), status)
        await expect(cell(page, spot, day).locator(".word")).to_be_visible()
        await expect(cell(page, spot, day).locator(".icon")).to_be_visible()
        signs[status] = await cell(page, spot, day).locator("use").get_attribute("href")
    assert len(set(signs.values())) == 3
    for sign in signs.values():
        assert await page.locator(f"symbol{sign}").count() == 1


async def test_hostile_names_stay_inert_and_inside(open_window: Open, module_database: Database, day: dt.date) -> None:
    """Through all three ways on to the page: its HTML, a swap of the whole board, and a cell over the socket."""
    quoted = HOSTILE.replace("'", "''")
    module_database.psql(f"""
        update parking.spots set name = '{quoted}' where id = 1;
        update parking.spots set name = '{ENDLESS}' where id = 2;
        update parking.lots set name = '{quoted}', address = '{quoted}' where id = 1""")
    try:
        page = await open_window(day, DRIVER_1, width=SMALLEST_PHONE)
        shown = page.get_by_role("rowheader").nth(0)
        await expect(shown).to_have_text(HOSTILE)
        await expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
        await cell(page, 1, day).click()
        await expect_status(cell(page, 1, day), "yours")
        await expect(page.locator("#messages [data-kind=done]")).to_contain_text(HOSTILE)
        assert HOSTILE in str(await cell(page, 1, day).get_attribute("aria-label"))
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("img").count() == 0
        await expect(page.locator(".cell")).to_have_count(15)
        await expect_to_fit(page)
    finally:
        module_database.psql("""
            update parking.spots set name = 'Spot ' || id where id in (1, 2);
            update parking.lots set name = 'Demo Garage' where id = 1""")
