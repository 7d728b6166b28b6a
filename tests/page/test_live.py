"""Two windows stay in sync, whoever changes something: the page, REST, psql, or pg_cron by itself."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, WebSocketRoute, expect

from tests.page.board import at, book, cell, cell_id, expect_status
from tests.page.conftest import Open, until_live, windows
from tests.support import DRIVER_1, DRIVER_2, Database, Service, sign_in
from tests.support.days import today

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def pair(open_window: Open, day: dt.date) -> tuple[Page, Page]:
    """The first driver's window, and a stranger's who is not signed in."""
    return await open_window(day, DRIVER_1), await open_window(day)


async def expect_both(pair: tuple[Page, Page], spot: int, day: dt.date, mine: str, strangers: str) -> None:
    for page, status in zip(pair, (mine, strangers), strict=True):
        await expect_status(cell(page, spot, day), status)


async def test_the_page(pair: tuple[Page, Page], day: dt.date) -> None:
    await cell(pair[0], 1, day).click()
    await expect_both(pair, 1, day, "yours", "booked")
    await cell(pair[0], 1, day).click()
    await pair[0].get_by_role("button", name="End it").click()
    await expect_both(pair, 1, day, "available", "available")


async def test_rest(pair: tuple[Page, Page], module_service: Service, day: dt.date) -> None:
    async with httpx.AsyncClient(base_url=module_service.url, trust_env=False) as client:
        for driver, mine in ((DRIVER_1, "yours"), (DRIVER_2, "booked")):
            headers = await sign_in(client, driver)
            period = {"start_time": at(day, 8).isoformat(), "end_time": at(day, 12).isoformat()}
            answer = await client.post("/reservations", json={"spot_id": 2, **period}, headers=headers)
            assert answer.status_code == 201, answer.text
            await expect_both(pair, 2, day, mine, "booked")
            answer = await client.put(f"/reservations/{answer.json()['id']}/complete", headers=headers)
            assert answer.status_code == 200, answer.text
            await expect_both(pair, 2, day, "available", "available")


async def test_psql(pair: tuple[Page, Page], module_database: Database, day: dt.date) -> None:
    reservation = book(module_database, 3, day)
    await expect_both(pair, 3, day, "yours", "booked")
    module_database.psql(
        f"select from parking.complete(parking.find_person('{DRIVER_1}'), {reservation})", role="parking_dba"
    )
    await expect_both(pair, 3, day, "available", "available")


@pytest_asyncio.fixture(loop_scope="session")
async def swept(deployed_database: Database, browser: Browser) -> AsyncIterator[tuple[Database, Open]]:
    """Windows on a database that pg_cron sweeps every minute."""
    with Service(deployed_database) as service:
        async with windows(browser, service) as open_window:
            yield deployed_database, open_window


async def test_pg_cron(swept: tuple[Database, Open]) -> None:
    """Nobody ends the booking, and no window is told that its time is over: the clock jumps past its end, which is no
    event. What changes both windows is the checker's own run, at the next full minute."""
    database, open_window = swept
    # By UTC: between two times of one zone Python reckons as if its clocks never changed.
    now, tomorrow = dt.datetime.now(dt.UTC), today() + dt.timedelta(days=1)
    shift_clock(database, at(tomorrow, 9) - now)
    pair = await open_window(tomorrow, DRIVER_1), await open_window(tomorrow)
    # A board is read anew when it is thirty seconds old or more. That must not be what helps here: less is left.
    if not 35 <= (second := dt.datetime.now(dt.UTC).second) < 50:
        await asyncio.sleep((35 - second) % 60)
    reservation = book(database, 4, tomorrow)
    await expect_both(pair, 4, tomorrow, "yours", "booked")

    shift_clock(database, at(tomorrow, 12) - now)
    # 08–12 is past now: that is how the board tells the end of a booking whose slot is over too.
    await expect(cell(pair[0], 4, tomorrow)).to_have_attribute("data-status", "past", timeout=70_000)
    await expect_both(pair, 4, tomorrow, "past", "past")
    late = "select parking.clock() - ended_at < interval '8 seconds' from parking.bookings where"
    assert database.psql(f"{late} id = {reservation} and status = 'completed'") == "t"
    types = f"select type from parking.events where reservation_id = {reservation} order by id"
    assert database.psql(types).split() == ["booked", "released"]


def shift_clock(database: Database, shift: dt.timedelta) -> None:
    database.psql(f"update parking_private.clock_shift set shift = interval '{shift.total_seconds()} seconds'")


async def test_only_the_own_window_knows_whose_booking_it_is(
    open_window: Open, module_database: Database, module_service: Service, day: dt.date
) -> None:
    """Everything that a stranger's browser receives is searched: the page, and each frame of the socket."""
    frames: list[str] = []
    stranger = await open_window(None, DRIVER_2)

    def listen(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def forward(frame: str | bytes) -> None:
            frames.append(str(frame))
            route.send(frame)

        server.on_message(forward)

    await stranger.route_web_socket("**/ws/board*", listen)
    await stranger.goto(f"/?date={day}")
    await until_live(stranger)
    owner = await open_window(day, DRIVER_1)
    await cell(owner, 5, day).click()
    await expect_status(cell(owner, 5, day), "yours")
    await expect_status(cell(stranger, 5, day), "booked")
    await stranger.reload()
    await expect(stranger.locator("#connection")).to_have_attribute("data-state", "live")

    reservation = module_database.psql(f"select max(id) from parking.bookings where driver = '{DRIVER_1}'")
    own = await cell(owner, 5, day).evaluate("button => button.outerHTML")
    assert f'value="{reservation}"' in own
    assert any(cell_id(5, day) in frame for frame in frames)
    async with httpx.AsyncClient(base_url=module_service.url, trust_env=False) as client:
        anonymous = (await client.get(f"/?date={day}")).text
    for received in (*frames, await stranger.content(), anonymous):
        assert DRIVER_1 not in received
        assert 'data-status="yours"' not in received
        assert 'name="reservation"' not in received


async def test_a_late_answer_does_not_bring_an_old_board_back(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    """The answer to a form holds the board as it was when it was made. It may arrive after the socket's news."""
    page = await open_window(day, DRIVER_1)
    overtaken = asyncio.Event()

    async def hold(route: Route) -> None:
        answer = await route.fetch()
        await overtaken.wait()
        await route.fulfill(response=answer)

    await page.route("**/book", hold)
    await cell(page, 1, day).click()
    await expect_status(cell(page, 1, day), "yours")
    book(module_database, 2, day, driver=DRIVER_2)
    await expect_status(cell(page, 2, day), "booked")
    overtaken.set()
    await expect(page.locator("#messages [data-kind=done]")).to_be_visible()
    await expect_status(cell(page, 2, day), "booked")


async def test_a_slow_script_does_not_keep_a_page_from_going_live(open_window: Open, day: dt.date) -> None:
    page = await open_window(day)

    async def dawdle(route: Route) -> None:
        await asyncio.sleep(1)
        await route.continue_()

    await page.route("**/hx-ws.min.js", dawdle)
    await page.reload()
    await until_live(page)


async def test_focus_survives_what_others_do(open_window: Open, module_database: Database, day: dt.date) -> None:
    page = await open_window(day, DRIVER_1)
    await cell(page, 1, day).focus()
    book(module_database, 1, day, driver=DRIVER_2)
    await expect_status(cell(page, 1, day), "booked")
    assert await page.evaluate("document.activeElement.id") == cell_id(1, day)


async def test_a_window_catches_up_after_the_service_was_away(
    database: Database, browser: Browser, day: dt.date
) -> None:
    with Service(database) as service:
        async with windows(browser, service) as open_window:
            page = await open_window(day, DRIVER_1)
            await service.kill()
            await expect(page.locator("#connection")).to_have_text("Reconnecting")
            book(database, 1, day, driver=DRIVER_2)
            book(database, 2, day)
            await service.start()
            await expect(page.locator("#connection")).to_have_text("Live", timeout=20_000)
            await expect_status(cell(page, 1, day), "booked")
            await expect_status(cell(page, 2, day), "yours")


async def test_going_back_gives_a_live_board(open_window: Open, module_database: Database, day: dt.date) -> None:
    page = await open_window(day)
    await page.get_by_role("link", name="Sign in").click()
    await page.go_back()
    await until_live(page)
    book(module_database, 2, day)
    await expect_status(cell(page, 2, day), "booked")

    # The tests' Chromium keeps no page for going back to. One that does shows it with its socket closed for good.
    async with page.expect_navigation():
        await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await until_live(page)


async def test_offline_is_said(open_window: Open, day: dt.date) -> None:
    page = await open_window(day)
    await page.context.set_offline(True)
    await expect(page.locator("#connection")).to_have_text("Offline")
    await page.context.set_offline(False)
    await expect(page.locator("#connection")).to_have_text("Live", timeout=20_000)
