"""The operator's view: what is said about a spot reaches drivers, and what happens reaches the operator."""

import asyncio
import datetime as dt
import re
from typing import Literal

import httpx
import pytest
import websockets
from playwright.async_api import Page, expect
from websockets.asyncio.client import connect as open_socket

from tests.page.axe import expect_no_violation
from tests.page.board import at, book, cell, expect_status
from tests.page.conftest import Open, sign_in_here, until_live
from tests.page.test_forms import problem, token
from tests.page.test_looks import ENDLESS, HOSTILE, SMALLEST_PHONE, expect_to_fit
from tests.support import DRIVER_1, DRIVER_2, OPERATOR, PASSWORD, Database, Service, issue_token
from tests.support.days import today

in_the_browser = pytest.mark.asyncio(loop_scope="session")

OF_OPERATOR = f"parking.find_person('{OPERATOR}')"


async def operating(
    open_window: Open,
    query: str = "",
    *,
    width: int = 1100,
    scheme: Literal["light", "dark"] = "light",
    javascript: bool = True,
) -> Page:
    """The operator's view in a window of its own."""
    page = await open_window(None, OPERATOR, width=width, scheme=scheme, javascript=javascript)
    await page.goto(f"/operate?{query}")
    if javascript:
        await until_live(page)
    return page


def take_back(database: Database, spot: int) -> None:
    database.psql(f"select from parking.set_spot_state({OF_OPERATOR}, {spot}, 'free', 'Done')", role="parking_dba")


async def tell(page: Page, spot: str, state: str, reason: str, until: str = "") -> None:
    """Choose a spot, fill in what is to be said about it, and send it."""
    await page.locator(".spots").get_by_role("link", name=re.compile(rf"^{spot}\b")).click()
    await expect(page.get_by_role("heading", name=spot)).to_be_visible()
    await page.get_by_role("radio", name=state).check()
    await page.get_by_label("Why").fill(reason)
    await page.get_by_label("Until").fill(until)
    await page.get_by_role("button", name="Say it").click()


@in_the_browser
async def test_maintenance_reaches_a_driver_and_is_taken_back(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    driver = await open_window(day, DRIVER_1)
    operator = await operating(open_window)
    try:
        await tell(operator, "Spot 4", "Maintenance", "Oil on the ground")
        await expect_word(driver, 4, day, "maintenance")
        await expect(operator.locator("#messages [data-kind=done]")).to_contain_text("Spot 4: Maintenance.")
        await expect(operator.locator("#spot-4")).to_have_attribute("data-state", "maintenance")
        await expect(operator.locator("#condition")).to_contain_text("Oil on the ground")
        await expect(operator.locator("#log li").first).to_contain_text("State set Spot 4")
        await expect(operator.locator("#log li").first).to_contain_text("Olga Operator")
        # It stands on taking back now.
        await tell(operator, "Spot 4", "as the bookings have it", "Clean again")
        await expect_word(driver, 4, day, "available")
        await expect(operator.locator("#spot-4")).to_have_attribute("data-state", "free")
    finally:
        take_back(module_database, 4)


async def expect_word(page: Page, spot: int, day: dt.date, status: str) -> None:
    await expect(cell(page, spot, day)).to_have_attribute("data-status", status)


@in_the_browser
async def test_the_story_without_javascript(open_window: Open, module_database: Database, day: dt.date) -> None:
    page = await operating(open_window, f"date={day}", javascript=False)
    tomorrow = today() + dt.timedelta(days=1)
    reservation = book(module_database, 5, tomorrow)
    try:
        until = f"{tomorrow}T23:30"
        await tell(page, "Spot 5", "Maintenance", "Paint", until)
        message = page.locator("#messages [data-kind=done]")
        await expect(message).to_contain_text("1 booking is hit by it")
        await expect(page.locator("#spot-5")).to_have_attribute("data-state", "maintenance")
        await expect(page.locator("#condition")).to_contain_text("23:30")
        ends = module_database.psql("select ends from parking.spot_overrides where spot_id = 5 and ended_at is null")
        assert dt.datetime.fromisoformat(ends) == at(tomorrow, 23) + dt.timedelta(minutes=30)

        await tell(page, "Spot 5", "Occupied", "A car")
        refusal = page.locator("#messages [data-kind=refusal]")
        await expect(refusal).to_have_attribute("data-problem", "state-not-reachable")
        await expect(page.get_by_label("Why")).to_have_value("A car")
        await expect(page.get_by_role("radio", name="Occupied")).to_be_checked()

        await tell(page, "Spot 5", "as the bookings have it", "Painted")
        await expect(page.locator("#spot-5")).to_have_attribute("data-state", "free")
        await expect(page.get_by_role("heading", name="Spots held through the day")).to_be_visible()
        assert f"date={day}" in page.url
    finally:
        take_back(module_database, 5)
        module_database.psql(f"select from parking.complete(parking.find_person('{DRIVER_1}'), {reservation})")


@in_the_browser
async def test_the_log_and_the_figures_follow(open_window: Open, module_database: Database, day: dt.date) -> None:
    """And what somebody has unfolded or begun to type stays."""
    page = await operating(open_window, f"date={day}&spot=1")
    today = await operating(open_window)
    made = today.locator(".tile", has_text="Bookings made").locator("strong")
    before = int(await made.inner_text())
    await page.locator("#occupancy-title ~ details summary").click()
    await page.get_by_label("Why").fill("I am still typing")
    eight = page.locator("#occupancy-table tr", has_text="08:00–08:30").locator("td")
    await expect(eight.nth(0)).to_have_text("0")

    book(module_database, 2, day, driver=DRIVER_2)
    for window in (page, today):
        entry = window.locator("#log li").first
        await expect(entry).to_contain_text("Booked Spot 2")
        await expect(entry).to_contain_text("Driver Two")
    await expect(made).to_have_text(str(before + 1))
    await expect(eight.nth(0)).to_have_text("1")
    await expect(eight.nth(2)).to_have_text("20%")
    await expect(page.locator("#occupancy-table")).to_be_visible()
    await expect(page.get_by_label("Why")).to_have_value("I am still typing")
    await expect(page.locator("#tiles")).to_contain_text("20%")
    bars = page.locator("#occupancy-chart rect.peak")
    await expect(bars).to_have_count(8)


@in_the_browser
async def test_the_days_on_which_the_clocks_change(open_window: Open) -> None:
    page = await operating(open_window)
    for day, hours, twice in (("2026-10-25", 25, 2), ("2026-03-29", 23, 0), ("2026-06-01", 24, 1)):
        await page.goto(f"/operate?date={day}")
        await expect(page.locator("#occupancy-chart .axis span")).to_have_count(hours)
        await expect(page.locator("#occupancy-chart rect")).to_have_count(2 * hours)
        await expect(page.locator("#activity-table tbody tr", has_text="02:00–")).to_have_count(twice)


@in_the_browser
async def test_a_large_lot_is_shown_row_by_row(open_window: Open) -> None:
    page = await operating(open_window, "lot=2")
    await expect(page.locator(".rows li")).to_have_count(30)
    await expect(page.locator(".spots li")).to_have_count(50)
    await page.locator(".floor", has_text="Level 3").get_by_role("link", name=re.compile("^B ")).click()
    await until_live(page)
    await expect(page.locator(".spots li").first).to_contain_text("3-B-01")
    await page.locator(".spots a").nth(6).click()
    await expect(page.get_by_role("heading", name="3-B-07")).to_be_visible()
    await expect(page.locator(".spots li")).to_have_count(50)

    await page.get_by_label("Lot").select_option("Demo Garage")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Demo Garage")
    await expect(page.locator(".spots li")).to_have_count(5)


@in_the_browser
async def test_others_are_turned_away_in_words(open_window: Open) -> None:
    page = await open_window(None, DRIVER_1)
    await expect(page.get_by_role("link", name="Operate")).to_have_count(0)
    answer = await page.goto("/operate")
    assert answer
    assert answer.status == 403
    await expect(page.locator("[data-problem=not-permitted]")).to_be_visible()

    stranger = await open_window()
    await stranger.goto("/operate?lot=2&date=2026-12-24")
    await sign_in_here(stranger, OPERATOR)
    assert stranger.url.endswith("/operate?lot=2&date=2026-12-24")
    await stranger.goto("/")
    await stranger.get_by_role("link", name="Operate").click()
    await expect(stranger.get_by_role("heading", name="Spots now")).to_be_visible()


@pytest.mark.parametrize(
    ("query", "status", "slug"),
    [
        ("lot=3", 404, "unknown-lot"),
        ("lot=999999", 404, "unknown-lot"),
        ("spot=999999", 404, "unknown-spot"),
        ("date=2200-01-01", 422, "day-out-of-range"),
        ("row=x", 400, "invalid-request"),
        ("part=0", 400, "invalid-request"),
    ],
)
def test_what_there_is_not(http: httpx.Client, query: str, status: int, slug: str) -> None:
    signed_in(http, OPERATOR)
    answer = http.get(f"/operate?{query}")
    assert (answer.status_code, problem(answer)) == (status, slug)


def signed_in(http: httpx.Client, email: str) -> None:
    form = {"_csrf_token": token(http, "/sign-in"), "email": email, "password": PASSWORD}
    assert http.post("/sign-in", data=form).status_code == 303


@pytest.mark.parametrize(
    ("change", "status", "slug"),
    [
        ({"state": "gone"}, 422, "not-an-override"),
        ({"reason": " "}, 422, "not-an-override"),
        ({"until": "2020-01-01T00:00"}, 422, "not-an-override"),
        ({"until": "2026-13-45T00:00"}, 400, "invalid-request"),
        ({"until": "tomorrow"}, 400, "invalid-request"),
        ({"spot": "0"}, 400, "invalid-request"),
        ({"unknown": "1"}, 400, "invalid-request"),
        ({"spot": "999999"}, 404, "unknown-spot"),
        ({"_csrf_token": "wrong"}, 403, "not-allowed"),
    ],
)
def test_forms_that_no_button_sends(
    http: httpx.Client, module_database: Database, change: dict[str, str], status: int, slug: str
) -> None:
    signed_in(http, OPERATOR)
    before = module_database.psql("select count(*) from parking.overrides")
    form = {
        "_csrf_token": token(http, "/operate?spot=1"),
        "spot": "1",
        "lot": "1",
        "date": "2026-12-24",
        "state": "maintenance",
        "reason": "Oil",
        "until": "",
    }
    answer = http.post("/operate/state", data=form | change)
    assert (answer.status_code, problem(answer)) == (status, slug)
    assert module_database.psql("select count(*) from parking.overrides") == before


def test_a_driver_cannot_say_anything(http: httpx.Client, module_database: Database) -> None:
    signed_in(http, DRIVER_1)
    form = {"spot": "1", "lot": "1", "date": "2026-12-24", "state": "maintenance", "reason": "Mine"}
    answer = http.post("/operate/state", data={"_csrf_token": token(http, "/account"), **form})
    assert (answer.status_code, problem(answer)) == (403, "not-permitted")
    assert module_database.psql("select count(*) from parking.overrides where reason = 'Mine'") == "0"


@in_the_browser
async def test_hostile_names_stay_inert_and_inside(open_window: Open, module_database: Database, day: dt.date) -> None:
    """Through the page's HTML and through the socket: of a lot, its places, its people, and reasons."""
    quoted = HOSTILE.replace("'", "''")
    module_database.psql(f"""
        update parking.spots set name = '{quoted}' where id = 1;
        update parking.spots set name = '{ENDLESS}' where id = 2;
        update parking.floors set name = '{quoted}' where lot_id = 1;
        update parking.rows set name = '{quoted}' where lot_id = 1;
        update parking.people set display_name = '{quoted}' where email in ('{DRIVER_1}', '{OPERATOR}');
        update parking.lots set name = '{quoted}', address = '{quoted}' where id = 1""")
    try:
        page = await operating(open_window, f"date={day}&spot=1", width=SMALLEST_PHONE)
        await expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
        book(module_database, 1, day)
        module_database.psql(f"select from parking.set_spot_state({OF_OPERATOR}, 2, 'unknown', '{quoted}')")
        module_database.psql(f"select from parking.set_spot_state({OF_OPERATOR}, 1, 'occupied', '{quoted}')")
        await expect(page.locator("#spot-1")).to_have_attribute("data-state", "occupied")
        await expect(page.locator("#spot-1")).to_have_attribute("title", f"{HOSTILE} · {HOSTILE}")
        await expect(page.locator("#condition q")).to_have_text(HOSTILE)
        await expect(page.locator("#log li", has_text="Booked").first).to_contain_text(HOSTILE)
        await expect_to_fit(page)
        await page.reload()
        await expect(page.locator("#condition q")).to_have_text(HOSTILE)
        await expect_to_fit(page)
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("img").count() == 0
    finally:
        take_back(module_database, 1)
        take_back(module_database, 2)
        module_database.psql(f"""
            update parking.spots set name = 'Spot ' || id where id in (1, 2);
            update parking.floors set name = 'Ground floor' where lot_id = 1;
            update parking.rows set name = 'Row A' where lot_id = 1;
            update parking.people set display_name = 'Driver One' where email = '{DRIVER_1}';
            update parking.people set display_name = 'Olga Operator' where email = '{OPERATOR}';
            update parking.lots set name = 'Demo Garage', address = '' where id = 1""")


@in_the_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [SMALLEST_PHONE, 1280])
async def test_axe_finds_nothing(
    open_window: Open, module_database: Database, day: dt.date, width: int, scheme: Literal["light", "dark"]
) -> None:
    for spot, state in ((1, "occupied"), (2, "maintenance"), (3, "unknown"), (4, "reserved")):
        module_database.psql(f"select from parking.set_spot_state({OF_OPERATOR}, {spot}, '{state}', 'Because')")
    book(module_database, 5, day)
    try:
        for query in (f"date={day}&spot=2", "lot=2"):
            page = await operating(open_window, query, width=width, scheme=scheme)
            for summary in await page.locator("summary").all():
                await summary.click()
            await expect_to_fit(page)
            await expect_no_violation(page)
    finally:
        for spot in range(1, 5):
            take_back(module_database, spot)


def cookie(service: Service, person: str) -> dict[str, str]:
    number = int(service.database.psql(f"select id from parking.people where email = '{person}'"))
    return {"Cookie": f"session={issue_token(service, number)}"}


async def handshake(service: Service, query: str, headers: dict[str, str]) -> int | str:
    """The status with which it is refused, or the first frame."""
    try:
        async with open_socket(
            f"{service.ws_url}/ws/operate?{query}", additional_headers=headers, proxy=None
        ) as socket:
            return str(await asyncio.wait_for(socket.recv(), 20))
    except websockets.exceptions.InvalidStatus as refusal:
        return refusal.response.status_code


@in_the_browser
async def test_the_socket_is_for_those_who_may_see_it(module_service: Service) -> None:
    operator = cookie(module_service, OPERATOR)
    whole = await handshake(module_service, "lot=1", operator)
    assert "Ground floor" in str(whole)
    for name in ("tiles", "occupancy-chart", "activity-table", "rows", "spots", "log"):
        assert f'id="{name}" hx-swap-oob="outerMorph"' in str(whole)
    assert "AM" not in str(whole)
    assert "AM–" in str(await handshake(module_service, "lot=1", operator | {"Accept-Language": "en-US"}))
    for headers, query in (
        ({}, "lot=1"),
        (cookie(module_service, DRIVER_1), "lot=1"),
        (cookie(module_service, "operator@riverside.com"), "lot=1"),
        (operator, "lot=3"),
        (operator, "lot=999999"),
        (operator | {"Origin": "https://elsewhere.example"}, "lot=1"),
    ):
        assert await handshake(module_service, query, headers) in {401, 403, 404}, (headers, query)


@in_the_browser
async def test_who_loses_the_permission_sees_no_more(module_service: Service, day: dt.date) -> None:
    database = module_service.database
    person = "select from parking.add_person('brief@parking.com', 'Brief', role => 'operator')"
    database.psql(person, role="parking_dba")
    headers = cookie(module_service, "brief@parking.com")
    address = f"{module_service.ws_url}/ws/operate?lot=1"
    async with open_socket(address, additional_headers=headers, proxy=None) as socket:
        assert "tiles" in str(await asyncio.wait_for(socket.recv(), 20))
        database.psql(
            "select from parking.revoke_role(parking.find_person('brief@parking.com'), 'operator')", role="parking_dba"
        )
        book(database, 3, day)
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            while True:
                assert 'id="log"' not in str(await asyncio.wait_for(socket.recv(), 30)), "it tells what happened since"
    assert closed.value.rcvd
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "not-permitted")


@in_the_browser
async def test_the_view_is_whole_again_after_the_service_was_away(
    open_window: Open, module_database: Database, module_service: Service, day: dt.date
) -> None:
    page = await operating(open_window, f"date={day}")
    await module_service.kill()
    await expect(page.locator("#connection")).to_have_text("Reconnecting")
    book(module_database, 4, day, driver=DRIVER_2)
    await module_service.start()
    await expect(page.locator("#connection")).to_have_text("Live", timeout=20_000)
    await expect(page.locator("#log li").first).to_contain_text("Booked Spot 4")
    await expect_status(cell(await open_window(day), 4, day), "booked")
