"""Finding a spot: a lot by name, the rows of a large one, its board; and what is offered when somebody was faster."""

import asyncio
import datetime as dt
from typing import Literal
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.page.axe import expect_no_violation
from tests.page.board import at, book, bookings, cell, expect_status
from tests.page.conftest import Open, until_live
from tests.page.test_looks import HOSTILE, SMALLEST_PHONE, expect_to_fit
from tests.page.test_story import hang_up, message
from tests.support import DRIVER_1, DRIVER_2, Database

pytestmark = pytest.mark.asyncio(loop_scope="session")

CENTRAL = 2
"""1,500 spots, numbered from 6: three floors of ten rows of 50, the second of each for electric vehicles."""
ROW_A = 2
FIRST_OF_ROW_A = 6
MOST_CELLS = 200


def count(page: Page, day: dt.date, thing: str = f"row-{ROW_A}-1", hour: int = 8) -> str:
    """Where the page says how much of a row or floor is free in the slot that starts at this hour."""
    return f"#{thing}-{int(at(day, hour).timestamp())}"


def fill(database: Database, first: int, spots: int, day: dt.date) -> None:
    """Book so many spots from 8 to 12."""
    database.psql(
        f"select count(b.id) from generate_series({first}, {first + spots - 1}) n, parking.book("
        f"parking.find_person('{DRIVER_1}'), n, '{at(day, 8).isoformat()}', '{at(day, 12).isoformat()}') b",
        role="parking_dba",
    )


async def test_a_lot_is_found_by_its_address(open_window: Open, day: dt.date) -> None:
    page = await open_window(day)
    await page.get_by_role("link", name="All lots").click()
    await expect(page.get_by_role("heading", level=2)).to_have_text(["Central Garage", "Demo Garage", "Ostbahnhof"])
    await page.get_by_label("Name or address").fill("alexanderplatz")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=2)).to_have_text(["Central Garage"])
    await expect(page.get_by_role("main")).to_contain_text("1500 of 1500 free now")
    await page.get_by_role("link", name="Central Garage").click()
    await until_live(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Central Garage")
    # The day that one had chosen is kept all the way.
    await expect(page.locator("time")).to_have_attribute("datetime", str(day))


async def test_nothing_found(open_window: Open) -> None:
    page = await open_window(javascript=False)
    await page.goto("/lots?search=%3Cb%3Enowhere")
    await expect(page.get_by_text("No lot has these words")).to_be_visible()
    await expect(page.get_by_label("Name or address")).to_have_value("<b>nowhere")
    await page.get_by_role("link", name="Show all").click()
    await expect(page.get_by_role("heading", level=2)).to_have_count(3)


@pytest.mark.parametrize("javascript", [True, False])
async def test_from_the_rows_of_a_large_lot_to_a_booking(
    open_window: Open, module_database: Database, day: dt.date, javascript: bool
) -> None:
    page = await open_window(None, DRIVER_1, javascript=javascript)
    await page.goto(f"/?lot={CENTRAL}&date={day}")
    await expect(page.locator(".cell")).to_have_count(0)
    assert 0 < await page.locator(".count").count() <= MOST_CELLS
    await expect(page.locator(count(page, day))).to_contain_text("50 of 50")
    await expect(page.locator(count(page, day, "floor-2"))).to_contain_text("500 of 500")
    await page.get_by_role("link", name="A 1-A-01 – 1-A-50").click()
    await expect(page.locator(".cell")).to_have_count(150)
    await expect(page.get_by_role("heading", name="Level 1 · A")).to_be_visible()
    await cell(page, FIRST_OF_ROW_A, day).click()
    await expect_status(cell(page, FIRST_OF_ROW_A, day), "yours")
    await expect(page.locator(message(page, "done"))).to_contain_text("1-A-01")
    assert f"row={ROW_A}" in page.url
    assert bookings(module_database, FIRST_OF_ROW_A, day) == [f"{DRIVER_1} active"]
    # The row is kept from day to day.
    await page.get_by_role("link", name="Next day").click()
    await expect(page.locator(".cell")).to_have_count(150)
    await expect(page.locator("time")).to_have_attribute("datetime", str(day + dt.timedelta(days=1)))
    await page.get_by_role("link", name="All rows").click()
    await expect(page.locator(".count").first).to_be_visible()
    await page.get_by_role("link", name="Previous day").click()
    await expect(page.locator(count(page, day))).to_contain_text("49 of 50")
    await expect(page.locator(count(page, day, hour=12))).to_contain_text("50 of 50")


async def test_the_counts_follow_and_nobody_is_sent_more_than_the_window_shows(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    frames: list[str] = []

    def listen(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def forward(frame: str | bytes) -> None:
            frames.append(str(frame))
            route.send(frame)

        server.on_message(forward)

    page = await open_window(day)
    await page.route_web_socket("**/ws/board*", listen)
    await page.goto(f"/?lot={CENTRAL}&date={day}")
    await until_live(page)
    await expect(page.locator(count(page, day))).to_contain_text("50 of 50")
    fill(module_database, FIRST_OF_ROW_A, 40, day)
    await expect(page.locator(count(page, day))).to_contain_text("10 of 50")
    await expect(page.locator(count(page, day))).to_have_attribute("data-level", "few")
    fill(module_database, FIRST_OF_ROW_A + 40, 10, day)
    await expect(page.locator(count(page, day))).to_contain_text("Full")
    await expect(page.locator(count(page, day, "floor-2"))).to_contain_text("450 of 500")

    frames.clear()
    await page.goto(f"/?lot={CENTRAL}&date={day}&row={ROW_A + 1}")
    await until_live(page)
    await expect(page.locator(".cell")).to_have_count(150)
    # Another row's news is not for this window; its own is, and comes after.
    book(module_database, FIRST_OF_ROW_A, day, 12)
    book(module_database, FIRST_OF_ROW_A + 50, day, 12)
    await expect_status(cell(page, FIRST_OF_ROW_A + 50, day, 12), "booked")
    assert max(frame.count('class="cell"') for frame in frames) == 150
    assert not any(f"cell-{FIRST_OF_ROW_A}-" in frame for frame in frames)
    assert all('class="count"' not in frame for frame in frames)


async def test_a_lot_of_very_many_rows_shows_its_floors_first(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    build = "select id from parking.build_lot(parking.find_person('operator@parking.com'), '{}', 'UTC', {})"
    lot = module_database.psql(build.format("Very many", "floors => 3, rows => 30, spots => 3"), role="parking_dba")
    page = await open_window(day, javascript=False)
    await page.goto(f"/?lot={lot}&date={day}")
    await expect(page.locator(".count")).to_have_count(9)
    await page.locator(".level a").nth(1).click()
    await expect(page.locator(".part")).to_have_count(30)
    await expect(page.locator(".count")).to_have_count(93)
    await page.get_by_role("link", name="All rows").click()
    await expect(page.locator(".count")).to_have_count(9)


async def test_a_very_long_row_comes_in_parts(open_window: Open, module_database: Database, day: dt.date) -> None:
    build = "select id from parking.build_lot(parking.find_person('operator@parking.com'), 'Long', 'UTC', spots => 150)"
    lot = module_database.psql(build, role="parking_dba")
    page = await open_window(day)
    await page.goto(f"/?lot={lot}&date={day}")
    await expect(page.locator(".part")).to_have_count(3)
    await page.locator(".part a").nth(2).click()
    await until_live(page)
    await expect(page.locator(".cell")).to_have_count(3 * 18)
    await expect(page.get_by_role("link", name="Part 3")).to_have_attribute("aria-current", "true")
    await page.get_by_role("link", name="Part 1").click()
    await until_live(page)
    await expect(page.locator(".cell")).to_have_count(3 * 66)


async def test_one_type_of_spots(open_window: Open, module_database: Database, day: dt.date) -> None:
    page = await open_window(day)
    await page.get_by_role("link", name="Handicap").click()
    await until_live(page)
    await expect(page.locator(".cell")).to_have_count(3)
    await expect(page.get_by_role("link", name="Handicap")).to_have_attribute("aria-current", "true")
    book(module_database, 3, day)
    await expect_status(cell(page, 3, day), "booked")
    await expect(page.locator(".cell")).to_have_count(3)
    await page.get_by_role("link", name="Electric").click()
    await expect(page.get_by_text("There is no such spot here.")).to_be_visible()
    # Of a large lot, each row's count is of this type alone.
    await page.goto(f"/?lot={CENTRAL}&date={day}&type=ev")
    await expect(page.locator(".overview .part")).to_have_count(3)


async def test_a_language_for_each_viewer_of_one_board(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    """Two windows on the same board, one in American English: each gets its news in its own words."""
    british = await open_window(day)
    browser = british.context.browser
    assert browser
    context = await browser.new_context(base_url=british.url.partition("/?")[0], locale="en-US")
    try:
        american = await context.new_page()
        await american.goto(f"/?date={day}")
        await until_live(american)
        book(module_database, 4, day, driver=DRIVER_2)
        for page, date in ((british, f"{day.day} {day:%B}"), (american, f"{day:%b} {day.day}")):
            await expect_status(cell(page, 4, day), "booked")
            assert date in str(await cell(page, 4, day).get_attribute("aria-label"))
    finally:
        await context.close()


@pytest.mark.parametrize("way", ["live", "not live", "without JavaScript"])
async def test_when_somebody_was_faster_one_press_books_something_else(
    open_window: Open, module_database: Database, day: dt.date, way: str
) -> None:
    page = await open_window(None, DRIVER_1, javascript=way != "without JavaScript")
    if way == "not live":
        await page.route_web_socket("**/ws/board*", hang_up)
    await page.goto(f"/?date={day}")
    if way == "live":
        await until_live(page)
    wanted = await cell(page, 1, day).get_attribute("value")
    book(module_database, 1, day, driver=DRIVER_2)
    if way == "live":
        await expect_status(cell(page, 1, day), "booked")
        # A press that was on its way when the cell flipped.
        await page.evaluate(
            """value => {
                const late = Object.assign(document.createElement('button'), { name: 'cell', value, type: 'submit' });
                late.setAttribute('form', 'booking');
                document.getElementById('main').append(late);
                late.click();
                late.remove();
            }""",
            wanted,
        )
    else:
        await cell(page, 1, day).click()
    await expect(page.locator(message(page, "refusal", "spot-taken"))).to_be_visible()
    await expect_status(cell(page, 1, day), "booked")
    offers = page.locator("#messages .offer")
    await expect(offers).to_have_text(["Spot 2, same time", "Spot 1, 12–16", "Spot 4, same time"])
    await page.get_by_role("button", name=f"Spot 1, 12–16: Book Spot 1, 12–16 on {day:%A} {day.day} {day:%B}").click()
    await expect_status(cell(page, 1, day, 12), "yours")
    await expect(page.locator(message(page, "done"))).to_contain_text("Spot 1 is yours")
    assert bookings(module_database, 1, day, 12) == [f"{DRIVER_1} active"]
    assert bookings(module_database, 2, day) == []


async def test_an_offer_that_is_not_on_this_board_is_booked_and_said_too(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    """The last slot of the last spot of its type: what is offered lies on the next day."""
    for spot in (1, 2, 4, 5, 3):
        book(module_database, spot, day, 16, DRIVER_2)
    page = await open_window(day, DRIVER_1, javascript=False)
    value = f"3-{int(at(day, 16).timestamp())}-{int(at(day, 20).timestamp())}"
    token = await page.locator("#booking [name=_csrf_token]").get_attribute("value")
    tomorrow = day + dt.timedelta(days=1)
    refused = await page.request.post("/book", form={"_csrf_token": str(token), "date": str(day), "cell": value})
    assert refused.status == 409
    html = await refused.text()
    offered = f"3-{int(at(tomorrow, 8).timestamp())}-{int(at(tomorrow, 12).timestamp())}"
    assert f'value="{offered}"' in html
    done = await page.request.post("/book", form={"_csrf_token": str(token), "date": str(day), "cell": offered})
    assert done.ok
    assert "Spot 3 is yours" in await done.text()
    assert bookings(module_database, 3, tomorrow) == [f"{DRIVER_1} active"]


async def test_what_a_planted_cookie_cannot_say(open_window: Open, module_database: Database, day: dt.date) -> None:
    others = book(module_database, 2, day, driver=DRIVER_2)
    page = await open_window(day, DRIVER_1, javascript=False)
    for value in (f"booked.{others}", "booked.999999999", "booked.x", "ended.1.2", f"ended.{others}"):
        await page.context.add_cookies([{"name": "flash", "value": value, "url": page.url}])
        await page.reload()
        await expect(page.locator(".cell")).to_have_count(15)
        await expect(page.locator("#messages")).to_be_empty()


async def test_by_keyboard_from_the_search_to_another_spot(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    page = await open_window(None, DRIVER_1)
    await page.goto(f"/lots?date={day}")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.get_by_label("Name or address").focus()
    await page.keyboard.type("demo")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=2)).to_have_count(1)
    await page.get_by_role("link", name="Demo Garage").focus()
    await page.keyboard.press("Enter")
    await until_live(page)
    await page.route_web_socket("**/ws/board*", hang_up)
    await page.reload()
    book(module_database, 1, day, driver=DRIVER_2)
    await cell(page, 1, day).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages .offer")).to_have_count(3)
    # Whoever uses the keyboard is taken to what is offered, and does not walk through the board to get there.
    await expect(page.locator("#messages .offer").first).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect_status(cell(page, 1, day, 12), "yours")


async def test_light_or_dark_as_the_reader_likes(open_window: Open, day: dt.date) -> None:
    for javascript in (True, False):
        page = await open_window(day, scheme="dark", javascript=javascript)
        ground = "getComputedStyle(document.documentElement).backgroundColor"

        async def shown() -> str:
            return str(await page.evaluate(ground))  # noqa: B023 (called in this turn of the loop)

        dark = await shown()
        await page.get_by_role("button", name="Light").click()
        await expect(page.get_by_role("button", name="Light")).to_have_attribute("aria-pressed", "true")
        assert f"date={day}" in page.url
        light = await shown()
        assert light != dark
        await page.goto("/sign-in")
        assert await shown() == light
        await page.emulate_media(color_scheme="light")
        await page.get_by_role("button", name="Dark").click()
        await expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        assert await shown() == dark
        await page.get_by_role("button", name="Automatic").click()
        await expect(page.get_by_role("button", name="Automatic")).to_have_attribute("aria-pressed", "true")
        assert await shown() == light


async def test_a_hidden_tab_comes_back_to_a_whole_board(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    """htmx closes the socket of a tab that nobody sees; what happened meanwhile comes with the board on its return."""
    page = await open_window(day, DRIVER_1)
    closed = page.expect_event("websocket", predicate=lambda _: True)
    await page.evaluate("""() => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away });
        window.away = true;
        document.dispatchEvent(new Event('visibilitychange'));
    }""")
    book(module_database, 1, day, driver=DRIVER_2)
    book(module_database, 2, day)
    await asyncio.sleep(0.5)
    await expect(cell(page, 1, day)).to_have_attribute("data-status", "available")
    async with closed:
        await page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    await expect_status(cell(page, 1, day), "booked")
    await expect_status(cell(page, 2, day), "yours")
    await until_live(page)


async def test_hostile_names_of_lots_floors_and_rows_stay_inert(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    quoted = HOSTILE.replace("'", "''")
    module_database.psql(f"""
        update parking.lots set name = '{quoted}', address = '{quoted}' where id = {CENTRAL};
        update parking.floors set name = '{quoted}' where id = 2;
        update parking.rows set name = '{quoted}' where id = {ROW_A}""")
    try:
        page = await open_window(day, width=SMALLEST_PHONE)
        await page.goto(f"/lots?{urlencode({'search': HOSTILE})}")
        await expect(page.get_by_label("Name or address")).to_have_value(HOSTILE)
        await expect(page.get_by_role("heading", level=2).filter(has_text=HOSTILE)).to_have_count(1)
        await expect_to_fit(page)
        await page.goto(f"/?lot={CENTRAL}&date={day}")
        await until_live(page)
        await expect(page.locator(".level bdi").first).to_have_text(HOSTILE)
        await expect_to_fit(page)
        book(module_database, FIRST_OF_ROW_A + 9, day, 16)
        await expect(page.locator(count(page, day, hour=16))).to_contain_text("49 of 50")
        await page.goto(f"/?lot={CENTRAL}&date={day}&row={ROW_A}")
        await until_live(page)
        await expect(page.locator(".chosen")).to_contain_text(HOSTILE)
        await expect_to_fit(page)
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("img").count() == 0
    finally:
        module_database.psql(f"""
            update parking.lots set name = 'Central Garage', address = 'Alexanderplatz 1, 10178 Berlin'
            where id = {CENTRAL};
            update parking.floors set name = 'Level 1' where id = 2;
            update parking.rows set name = 'A' where id = {ROW_A}""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [SMALLEST_PHONE, 1100])
async def test_axe_finds_nothing(
    open_window: Open, module_database: Database, day: dt.date, scheme: Literal["light", "dark"], width: int
) -> None:
    book(module_database, 1, day, driver=DRIVER_2)
    book(module_database, 2, day)
    fill(module_database, FIRST_OF_ROW_A, 95, day)
    page = await open_window(day, DRIVER_1, scheme=scheme, width=width)
    token = await page.locator("#booking [name=_csrf_token]").get_attribute("value")
    views = (
        f"/?date={day}", f"/?lot={CENTRAL}&date={day}", f"/?lot={CENTRAL}&date={day}&row={ROW_A}&type=regular",
        f"/?lot={CENTRAL}&date=2020-01-01&row={ROW_A}", "/lots", "/lots?search=nowhere", "/problems/spot-taken",
    )  # fmt: skip
    assert token
    for view in views:
        await page.goto(view)
        if "date=" in view:
            await until_live(page)
        await expect_to_fit(page)
        await expect_no_violation(page)
    # And with a conflict on it.
    await page.route_web_socket("**/ws/board*", hang_up)
    await page.goto(f"/?date={day}")
    book(module_database, 4, day, 12, driver=DRIVER_2)
    await cell(page, 4, day, 12).click()
    await expect(page.locator("#messages .offer")).to_have_count(3)
    await page.locator("#messages .message").evaluate("one => Promise.all(one.getAnimations().map(a => a.finished))")
    await expect_to_fit(page)
    await expect_no_violation(page)
