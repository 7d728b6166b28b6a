"""A driver's story: sign in, book, end it, look at another day; with JavaScript, without it, and by keyboard."""

import asyncio
import datetime as dt

import pytest
from playwright.async_api import Page, Route, WebSocketRoute, expect

from tests.page.board import book, bookings, cell, cell_id, expect_status, value
from tests.page.conftest import Open, sign_in_here
from tests.support import DRIVER_1, DRIVER_2, Database

pytestmark = pytest.mark.asyncio(loop_scope="session")


def message(page: Page, kind: str, problem: str | None = None) -> str:
    slug = f"[data-problem={problem}]" if problem else ""
    return f"#messages [data-kind={kind}]{slug}"


async def hang_up(route: WebSocketRoute) -> None:
    """What the board's socket meets where the network or the feed is broken."""
    await route.close(code=1011)


async def focused(page: Page) -> str:
    answer: str = await page.evaluate("document.activeElement.id")
    return answer


async def test_book_and_end(open_window: Open, module_database: Database, day: dt.date) -> None:
    page = await open_window(day)
    await page.get_by_role("button", name="Book Spot 3, handicap, 12–16").click()
    await sign_in_here(page, DRIVER_1)
    await expect(page.locator("time")).to_have_attribute("datetime", str(day))
    await expect(page.get_by_role("banner")).to_contain_text(DRIVER_1)
    assert bookings(module_database, 3, day, 12) == []

    wanted = cell(page, 3, day, 12)
    await expect_status(wanted, "available")
    await wanted.click()
    await expect_status(wanted, "yours")
    await expect(page.locator(message(page, "done"))).to_contain_text("Spot 3")
    assert await focused(page) == cell_id(3, day, 12)
    assert bookings(module_database, 3, day, 12) == [f"{DRIVER_1} active"]

    await wanted.click()
    await page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await wanted.click()
    await page.get_by_role("dialog").get_by_role("button", name="End it").click()
    await expect_status(wanted, "available")
    await expect(page.locator(message(page, "done"))).to_contain_text("ended")
    assert bookings(module_database, 3, day, 12) == [f"{DRIVER_1} completed"]

    await page.get_by_role("link", name="Dismiss this message").click()
    await expect(page.locator("#messages")).to_be_empty()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    await expect(page.locator("time")).to_have_attribute("datetime", str(day))


async def test_the_whole_story_without_javascript(open_window: Open, module_database: Database, day: dt.date) -> None:
    page = await open_window(day - dt.timedelta(days=1), javascript=False)
    await page.get_by_role("link", name="Next day").click()
    await cell(page, 2, day).click()
    await sign_in_here(page, DRIVER_1)
    await cell(page, 2, day).click()
    await expect_status(cell(page, 2, day), "yours")
    await expect(page.locator(message(page, "done"))).to_be_visible()
    assert bookings(module_database, 2, day) == [f"{DRIVER_1} active"]

    await page.get_by_role("link", name="reload it").click()
    await expect(page.locator("#messages")).to_be_empty()
    book(module_database, 4, day, driver=DRIVER_2)
    await page.reload()
    await expect_status(cell(page, 4, day), "booked")

    await cell(page, 2, day).click()
    await expect_status(cell(page, 2, day), "available")
    await expect(page.locator(message(page, "done"))).to_be_visible()
    assert bookings(module_database, 2, day) == [f"{DRIVER_1} completed"]
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()


async def test_somebody_was_faster_without_javascript(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    page = await open_window(day, DRIVER_1, javascript=False)
    book(module_database, 1, day, driver=DRIVER_2)
    async with page.expect_response("**/book") as answer:
        await cell(page, 1, day).click()
    assert (await answer.value).status == 409
    await expect(page.locator(message(page, "refusal", "spot-taken"))).to_be_visible()
    await expect_status(cell(page, 1, day), "booked")
    await expect_status(cell(page, 2, day), "available")


async def test_somebody_was_faster_while_the_page_was_not_live(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    """The board then comes with the answer to the form, and the badge goes on saying what is the matter."""
    page = await open_window(None, DRIVER_1)
    await page.route_web_socket("**/ws/board*", hang_up)
    await page.goto(f"/?date={day}")
    badge = page.locator("#connection")
    await expect(badge).to_have_text("Reconnecting")
    book(module_database, 1, day, driver=DRIVER_2)
    await cell(page, 1, day).click()
    await expect(page.locator(message(page, "refusal", "spot-taken"))).to_be_visible()
    await expect_status(cell(page, 1, day), "booked")
    assert await focused(page) == cell_id(1, day)
    assert await badge.text_content() == "Reconnecting"

    await cell(page, 2, day).click()
    await expect_status(cell(page, 2, day), "yours")
    await expect(page.locator(message(page, "done"))).to_be_visible()


async def test_two_drivers_press_at_once(open_window: Open, module_database: Database, day: dt.date) -> None:
    pages = [await open_window(day, DRIVER_1), await open_window(day, DRIVER_2)]
    cells = [cell(page, 5, day, 16) for page in pages]
    both_have_pressed = asyncio.Barrier(2)

    async def wait_for_the_other(route: Route) -> None:
        await both_have_pressed.wait()
        await route.continue_()

    for page, one in zip(pages, cells, strict=True):
        await page.route("**/book", wait_for_the_other)
        await one.click()
    for page in pages:
        await expect(page.locator("#messages .message")).to_be_visible()
    kinds = [await page.locator("#messages .message").get_attribute("data-kind") for page in pages]
    assert sorted(str(kind) for kind in kinds) == ["done", "refusal"]
    loser = pages[kinds.index("refusal")]
    await expect(loser.locator(message(loser, "refusal", "spot-taken"))).to_be_visible()
    await expect_status(cells[kinds.index("done")], "yours")
    await expect_status(cells[kinds.index("refusal")], "booked")
    assert len(bookings(module_database, 5, day, 16)) == 1


async def test_a_double_click_books_once_and_ends_nothing(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    page = await open_window(day, DRIVER_1)
    await cell(page, 4, day).dblclick(delay=30)
    await expect_status(cell(page, 4, day), "yours")
    await expect(page.locator(message(page, "done"))).to_be_visible()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert bookings(module_database, 4, day) == [f"{DRIVER_1} active"]


async def test_by_keyboard_alone(open_window: Open, module_database: Database, day: dt.date) -> None:
    page = await open_window(day, DRIVER_1)

    async def tab_to(identifier: str) -> None:
        for _ in range(60):
            if await focused(page) == identifier:
                return
            await page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to {identifier}")

    wanted = cell(page, 2, day, 12)
    await tab_to(cell_id(2, day, 12))
    await page.keyboard.press("Enter")
    await expect_status(wanted, "yours")
    assert await focused(page) == cell_id(2, day, 12)

    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert await focused(page) == cell_id(2, day, 12)
    await expect_status(wanted, "yours")

    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect_status(wanted, "available")
    assert await focused(page) == cell_id(2, day, 12)
    assert bookings(module_database, 2, day, 12) == [f"{DRIVER_1} completed"]


async def test_what_cannot_be_pressed_can_be_read(open_window: Open, module_database: Database, day: dt.date) -> None:
    book(module_database, 3, day, driver=DRIVER_2)
    page = await open_window(day, DRIVER_1)
    taken = page.get_by_role("button", name="Spot 3, handicap, 08–12")
    await expect_status(taken, "booked")
    await expect(taken).to_be_disabled()
    await taken.focus()
    assert await focused(page) == cell_id(3, day)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages")).to_be_empty()
    assert requests == []

    await page.goto("/?date=2020-02-29")
    assert await page.locator(".cell[data-status=past][aria-disabled=true]").count() == 15


async def test_other_days(open_window: Open, module_database: Database) -> None:
    today = dt.date.fromisoformat(module_database.psql("select today from parking.find_lot()"))
    page = await open_window()
    shown = page.locator("time")
    await expect(shown).to_have_attribute("datetime", str(today))
    await page.get_by_role("link", name="Next day").click()
    await expect(shown).to_have_attribute("datetime", str(today + dt.timedelta(days=1)))
    await expect(page).to_have_url(f"/?date={today + dt.timedelta(days=1)}")
    await page.get_by_role("link", name="Today").click()
    await page.get_by_role("link", name="Previous day").click()
    await expect(shown).to_have_attribute("datetime", str(today - dt.timedelta(days=1)))
    await page.get_by_label("Another day").fill(str(today + dt.timedelta(days=340)))
    await page.get_by_role("button", name="Show").click()
    await expect(shown).to_have_attribute("datetime", str(today + dt.timedelta(days=340)))
    await expect(page.locator(".cell[data-status=available]")).to_have_count(15)


async def test_a_wrong_password_is_told_and_the_way_back_kept(open_window: Open, day: dt.date) -> None:
    page = await open_window(day)
    await page.get_by_role("link", name="Sign in").click()
    await sign_in_here(page, DRIVER_1, "not the password")
    await expect(page.get_by_role("alert")).to_have_attribute("data-problem", "wrong-credentials")
    await expect(page.get_by_label("E-mail")).to_have_value(DRIVER_1)
    await expect(page.get_by_label("Password")).to_have_value("")
    await expect(page.get_by_label("Password")).to_be_focused()
    await sign_in_here(page, DRIVER_1)
    await expect(page.locator("time")).to_have_attribute("datetime", str(day))


async def test_no_answer_is_told_and_the_board_stays(open_window: Open, day: dt.date) -> None:
    page = await open_window(day, DRIVER_1)
    await page.route("**/book", lambda route: route.abort("connectionreset"))
    await cell(page, 1, day).click()
    await expect(page.locator(message(page, "refusal", "unreached"))).to_be_visible()
    await expect_status(cell(page, 1, day), "available")
    await page.unroute("**/book")
    await cell(page, 1, day).click()
    await expect_status(cell(page, 1, day), "yours")


async def test_a_refusal_of_the_transport_leaves_the_board_where_it_is(open_window: Open, day: dt.date) -> None:
    """Whether live or not: a cell whose button has been tampered with."""
    page = await open_window(day, DRIVER_1)
    for _ in range(2):
        await cell(page, 1, day).evaluate("button => button.value = 'everything'")
        await cell(page, 1, day).click()
        await expect(page.locator(message(page, "refusal", "invalid-request"))).to_be_visible()
        await expect(page.locator(".cell")).to_have_count(15)
        await page.route_web_socket("**/ws/board*", hang_up)
        await page.reload()
        await expect(page.locator("#connection")).to_have_text("Reconnecting")


async def test_an_account_that_is_gone_has_to_sign_in(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    module_database.psql("""
        insert into parking.people (tenant_id, email, display_name, password_hash)
        select p.tenant_id, 'gone@parking.com', 'Gone', p.password_hash
        from parking.people p
        where p.email = 'driver1@parking.com'
    """)
    page = await open_window(None, "gone@parking.com")
    # The board's socket would say so too, and take the page away from under the click.
    await page.route_web_socket("**/ws/board*", hang_up)
    await page.goto(f"/?date={day}")
    await expect(page.locator("#connection")).to_have_text("Reconnecting")
    module_database.psql("update parking.people set active = false where email = 'gone@parking.com'")
    await cell(page, 1, day).click()
    await expect(page.get_by_label("Password")).to_be_visible()
    await sign_in_here(page, DRIVER_1)
    await expect(page.locator("time")).to_have_attribute("datetime", str(day))
    assert value(1, day) == await cell(page, 1, day).get_attribute("value")
