"""A driver's own bookings: the list, what becomes of one, its pass and its calendar file."""

import datetime as dt
import re
from base64 import b64encode
from collections.abc import Iterator
from html import unescape
from typing import Any, Literal

import httpx
import pytest
import segno
from icalendar import Calendar
from playwright.async_api import Page, expect

from tests.page.axe import expect_no_violation
from tests.page.board import at, book, bookings
from tests.page.conftest import Open, sign_in_here, until_live
from tests.page.test_forms import problem, signed_in, token
from tests.page.test_looks import ENDLESS, HOSTILE, SMALLEST_PHONE, expect_to_fit
from tests.support import DRIVER_1, DRIVER_2, OPERATOR, Database, Service

in_a_browser = pytest.mark.asyncio(loop_scope="session")


def running(database: Database, spot: int, driver: str = DRIVER_1, minutes: int = 60) -> int:
    """A booking that has begun and runs for some minutes more."""
    return int(
        database.psql(f"""
            select b.id from parking.clock() c(now), parking.book(parking.find_person('{driver}'), {spot},
                c.now - interval '1 hour', c.now + interval '{minutes} minutes') b""")
    )


def status(database: Database, reservation: int) -> str:
    return database.psql(f"select status from parking.bookings where id = {reservation}")


def period(database: Database, reservation: int) -> list[str]:
    """When it begins and ends, by the lot's clock."""
    return database.psql(f"""
        select to_char(starts at time zone time_zone, 'YYYY-MM-DD"T"HH24:MI'),
               to_char(ends at time zone time_zone, 'YYYY-MM-DD"T"HH24:MI')
        from parking.bookings where id = {reservation}""").split("|")


def free(database: Database) -> None:
    """Nobody has anything booked any more."""
    database.psql("delete from parking.passes; delete from parking.reservations")


@pytest.fixture(autouse=True)
def _nothing_is_booked(module_database: Database) -> None:
    free(module_database)


async def open_list(open_window: Open, day: dt.date, driver: str = DRIVER_1, **options: object) -> Page:
    page = await open_window(day, driver, **options)  # type: ignore[arg-type]
    await page.goto("/bookings")
    if options.get("javascript", True):
        await until_live(page)
    return page


@in_a_browser
@pytest.mark.parametrize("javascript", [True, False])
async def test_the_list_and_what_may_be_done(
    open_window: Open, module_database: Database, day: dt.date, javascript: bool
) -> None:
    """Each is found where it belongs, and is ended, cancelled and moved, asked first; without JavaScript too."""
    now, coming = running(module_database, 1), book(module_database, 2, day)
    others = book(module_database, 3, day, driver=DRIVER_2)
    page = await open_list(open_window, day, javascript=javascript)
    await expect(page.locator(f"#current #stay-{now}")).to_contain_text("Spot 1")
    await expect(page.locator(f"#coming #stay-{coming}")).to_contain_text("Ground floor, Row A")
    expected = f"{day:%a}, {day.day} {day:%b} {day.year}, 08:00 – 12:00".replace("Sep ", "Sept ")
    await expect(page.locator(f"#stay-{coming} time")).to_have_text(expected)
    await expect(page.locator(f"#stay-{others}")).to_have_count(0)

    await page.get_by_role("link", name="End · Spot 1").click()
    await page.get_by_role("link", name="Keep it").click()
    assert status(module_database, now) == "active"
    await page.get_by_role("link", name="End · Spot 1").click()
    await page.get_by_role("button", name="End it").click()
    await expect(page.locator("#messages [data-kind=done]")).to_contain_text("Spot 1")
    await expect(page.locator(f"#past #stay-{now} .sign")).to_have_text("Ended")
    assert status(module_database, now) == "completed"

    await page.get_by_role("link", name="Change the time").click()
    await page.get_by_label("Begins").fill(f"{day}T09:30")
    await page.get_by_label("Ends").fill(f"{day}T13:15")
    await page.get_by_role("button", name="Change it").click()
    await expect(page.locator(f"#stay-{coming} time")).to_contain_text("09:30 – 13:15")
    assert period(module_database, coming) == [f"{day}T09:30", f"{day}T13:15"]

    await page.get_by_role("link", name="Cancel · Spot 2").click()
    await page.get_by_role("button", name="Cancel it").click()
    await expect(page.locator(f"#past #stay-{coming} .sign")).to_have_text("Cancelled")
    assert status(module_database, coming) == "cancelled"
    await page.reload()
    await expect(page.locator("#messages")).to_be_empty()


@in_a_browser
async def test_another_window_follows(open_window: Open, module_database: Database, day: dt.date) -> None:
    """Whatever one does in one window, and whatever a DBA does, shows in the other; nothing of what others do."""
    page, other = await open_list(open_window, day), await open_list(open_window, day)
    coming = book(module_database, 2, day)
    for window in (page, other):
        await expect(window.locator(f"#coming #stay-{coming}")).to_be_visible()
    await page.get_by_role("link", name="Cancel · Spot 2").click()
    await page.get_by_role("button", name="Cancel it").click()
    await expect(other.locator(f"#past #stay-{coming} .sign")).to_have_text("Cancelled")
    again = book(module_database, 2, day)
    await expect(other.locator(f"#coming #stay-{again}")).to_be_visible()
    await other.locator(f"#change-{again}").focus()
    module_database.psql(f"""
        select from parking.reschedule(
            parking.find_person('{DRIVER_1}'), {again}, ends => '{at(day, 15).isoformat()}')""")
    await expect(other.locator(f"#stay-{again} time")).to_contain_text("08:00 – 15:00")
    assert await other.evaluate("document.activeElement.id") == f"change-{again}"
    strangers = book(module_database, 3, day, driver=DRIVER_2)
    last = book(module_database, 4, day)
    await expect(other.locator(f"#stay-{last}")).to_be_visible()
    await expect(other.locator(f"#stay-{strangers}")).to_have_count(0)


@in_a_browser
async def test_time_alone_moves_a_booking(open_window: Open, module_database: Database, day: dt.date) -> None:
    """Its end passes while the list is open, and nobody says so."""
    page = await open_list(open_window, day)
    database_says = (
        "select id from parking.book(parking.find_person('{}'), 1, parking.clock(), parking.clock() + interval '{}')"
    )
    reservation = module_database.psql(database_says.format(DRIVER_1, "6 seconds"))
    await expect(page.locator(f"#current #stay-{reservation}")).to_be_visible()
    await expect(page.locator(f"#past #stay-{reservation} .sign")).to_have_text("Over")


@in_a_browser
async def test_signing_out_elsewhere_closes_the_list(open_window: Open, day: dt.date) -> None:
    page, elsewhere = await open_list(open_window, day), await open_list(open_window, day)
    await page.goto("/account")
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(elsewhere.get_by_label("Password")).to_be_visible()
    await sign_in_here(elsewhere, DRIVER_1)
    await expect(elsewhere.get_by_role("heading", level=1)).to_have_text("My bookings")


@in_a_browser
@pytest.mark.parametrize("javascript", [True, False])
async def test_a_time_that_is_taken_is_answered_with_what_is_free(
    open_window: Open, module_database: Database, day: dt.date, javascript: bool
) -> None:
    coming = book(module_database, 2, day)
    book(module_database, 2, day, hour=12, driver=DRIVER_2)
    page = await open_list(open_window, day, javascript=javascript)
    await page.get_by_role("link", name="Change the time").click()
    await page.get_by_label("Ends").fill(f"{day}T13:00")
    async with page.expect_response(f"**/bookings/{coming}/change") as answer:
        await page.get_by_role("button", name="Change it").click()
    assert (await answer.value).status == 409
    await expect(page.get_by_role("alert")).to_have_attribute("data-problem", "spot-taken")
    await expect(page.get_by_label("Ends")).to_have_value(f"{day}T13:00")
    assert period(module_database, coming) == [f"{day}T08:00", f"{day}T12:00"]

    await page.get_by_role("button", name=re.compile(r"Spot 1.*08:00\s–\s13:00")).click()
    await expect(page.locator("#messages [data-kind=done]")).to_contain_text("Spot 1")
    assert status(module_database, coming) == "cancelled"
    held = "select spot_id from parking.bookings where driver = '{}' and status = 'active'"
    assert module_database.psql(held.format(DRIVER_1)) == "1", "the one is taken, and the other given back"


@in_a_browser
async def test_a_later_time_on_the_same_spot(open_window: Open, module_database: Database, day: dt.date) -> None:
    coming = book(module_database, 2, day)
    book(module_database, 2, day, hour=12, driver=DRIVER_2)
    page = await open_list(open_window, day)
    await page.get_by_role("link", name="Change the time").click()
    await page.get_by_label("Begins").fill(f"{day}T12:00")
    await page.get_by_label("Ends").fill(f"{day}T16:00")
    await page.get_by_role("button", name="Change it").click()
    await page.get_by_role("button", name=re.compile(r"Spot 2.*16:00\s–\s20:00")).click()
    await expect(page.locator(f"#stay-{coming} time")).to_contain_text("16:00 – 20:00")
    assert period(module_database, coming) == [f"{day}T16:00", f"{day}T20:00"]


@pytest.fixture
def noon(module_database: Database) -> Iterator[None]:
    """It is noon by the lot's clock, and no night is near in which a time is skipped or comes twice."""
    forget = "delete from parking_private.attempts; update parking_private.clock_shift set shift = "
    noon = "(l.today + time '12:00') at time zone l.time_zone"
    module_database.psql(f"{forget} (select {noon} - clock_timestamp() from parking.find_lot() l)")
    yield
    module_database.psql(f"{forget} '0'")


@in_a_browser
@pytest.mark.usefixtures("noon")
async def test_a_booking_that_runs_is_extended_or_goes_on_elsewhere(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    now = running(module_database, 1)
    page = await open_list(open_window, day)
    before = dt.datetime.fromisoformat(period(module_database, now)[1])
    longer = (before + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    await page.get_by_role("link", name="Extend or shorten").click()
    await expect(page.get_by_label("Begins")).to_have_count(0)
    await page.get_by_label("Ends").fill(longer)
    await page.get_by_role("button", name="Change it").click()
    await expect(page.locator("#messages [data-kind=done]")).to_be_visible()
    assert period(module_database, now)[1] == longer

    module_database.psql(f"""
        select from parking.bookings b,
            parking.book(parking.find_person('{DRIVER_2}'), 1, b.ends, b.ends + interval '1 hour')
        where b.id = {now}""")
    longest = (before + dt.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    await page.get_by_role("link", name="Extend or shorten").click()
    await page.get_by_label("Ends").fill(longest)
    await page.get_by_role("button", name="Change it").click()
    await page.get_by_role("button", name="Spot 2").click()
    await expect(page.locator("#messages [data-kind=done]")).to_contain_text("Spot 2")
    assert status(module_database, now) == "active"
    held = module_database.psql(f"""
        select n.starts = b.ends from parking.bookings b, parking.bookings n
        where b.id = {now} and n.spot_id = 2 and n.driver = b.driver""")
    assert held == "t", "it goes on where the other one ends"


def test_others_bookings_are_nobodys_business(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    reservation = book(module_database, 1, day, driver=DRIVER_2)
    form = {"_csrf_token": token(signed_in(http))}
    for number, slug, code in ((reservation, "not-your-reservation", 403), (999_999, "unknown-reservation", 404)):
        for path in ("end", "cancel", "change", "pass"):
            answer = http.get(f"/bookings/{number}/{path}")
            assert (answer.status_code, problem(answer)) == (code, slug)
        answer = http.get(f"/bookings/{number}.ics")
        assert (answer.status_code, problem(answer)) == (code, slug)
        offer = f"2-{int(at(day, 8).timestamp())}000000-{int(at(day, 12).timestamp())}000000"
        posts: dict[str, dict[str, str]] = {"end": {}, "cancel": {}, "change": {"ends": f"{day}T13:00"}}
        for path, data in posts.items():
            answer = http.post(f"/bookings/{number}/{path}", data={**form, **data})
            assert (answer.status_code, problem(answer)) == (code, slug)
        for path in ("move", "replace", "add"):
            answer = http.post(f"/bookings/{number}/{path}", data={**form, "offer": offer})
            assert (answer.status_code, problem(answer)) == (code, slug)
    assert bookings(module_database, 1, day) == [f"{DRIVER_2} active"]
    assert bookings(module_database, 2, day) == [], "neither half of an exchange is left"


def test_whoever_is_not_signed_in_comes_back_to_where_they_wanted(http: httpx.Client) -> None:
    for path in ("/bookings", "/bookings/1/end", "/bookings/1/cancel", "/bookings/1/change", "/bookings/1/pass"):
        answer = http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path.replace('/', '%2F')}")
    form = {"_csrf_token": token(http)}
    posts: dict[str, dict[str, str]] = {"end": {}, "cancel": {}, "change": {"ends": "2030-01-01T10:00"}}
    for path, data in posts.items():
        answer = http.post(f"/bookings/1/{path}", data={**form, **data})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next=%2Fbookings%2F1%2F{path}")


@pytest.mark.parametrize(
    "path",
    [
        "/bookings/0/end",
        "/bookings/x/end",
        f"/bookings/{2**63}/end",
        "/bookings/1.txt",
        "/bookings/x.ics",
        "/bookings?period=never",
        "/bookings?period=past&after=1",
        "/bookings?period=past&after=99999999999999999-1",
    ],
)
def test_addresses_that_no_page_links_to(http: httpx.Client, path: str) -> None:
    assert signed_in(http).get(path).status_code in {400, 404}


@pytest.mark.parametrize(
    "ends", ["tomorrow", "2026-02-30T10:00", "2026-12-24", "2026-12-24T10:00+01:00", "٢٠٢٦-12-24T10:00"]
)
def test_a_time_that_no_field_sends_is_refused(
    http: httpx.Client, module_database: Database, day: dt.date, ends: str
) -> None:
    reservation = book(module_database, 1, day)
    data = {"_csrf_token": token(signed_in(http)), "ends": ends}
    assert http.post(f"/bookings/{reservation}/change", data=data).status_code == 400


def test_the_past_goes_on_page_by_page(http: httpx.Client, module_database: Database) -> None:
    """Every one once, also where several began at the same moment."""
    module_database.psql(f"""
        insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at, status,
            ended_at)
        select 1, 1, n % 5 + 1, parking.find_person('{DRIVER_1}'), t.at, t.at + interval '1 hour', t.at, 'completed',
            t.at
        from generate_series(1, 45) n,
             lateral (select date_trunc('hour', parking.clock()) - make_interval(hours => 10 + n / 3) as at) t""")
    expected = set(module_database.psql("select id from parking.reservations").split())
    page, found = signed_in(http).get("/bookings").text, []
    for _ in range(5):
        found += re.findall(r'id="stay-([0-9]+)"', page)
        further = re.search(r'id="more-past" href="([^"]+)"', page)
        if further is None:
            break
        page = http.get(unescape(further[1])).text
    assert len(found) == 45
    assert set(found) == expected


# Passes.


async def address_below(page: Page) -> str:
    """The address below the drawing."""
    address = await page.locator(".address a").get_attribute("href")
    assert address
    return address


def code_of(page: str) -> str:
    found = re.search(r"/pass/([A-Za-z0-9_-]{22})", page)
    assert found, page
    return found[1]


@in_a_browser
@pytest.mark.parametrize(("width", "javascript"), [(SMALLEST_PHONE, True), (1100, False)])
async def test_a_pass_is_shown_and_checked(
    open_window: Open, module_database: Database, day: dt.date, width: int, javascript: bool
) -> None:
    module_database.psql(f"update parking.people set display_name = 'Driver <b>One</b>' where email = '{DRIVER_1}'")
    now = running(module_database, 1)
    page = await open_list(open_window, day, width=width, javascript=javascript)
    await page.get_by_role("link", name="Pass · Spot 1").click()
    drawing = page.locator("svg.qr")
    box = await drawing.bounding_box()
    assert box
    assert abs(box["width"] - box["height"]) < 1
    assert min(box["width"], box["height"]) >= 220, "a camera finds it"
    await expect_to_fit(page)
    address = await address_below(page)

    operator = await open_window(day, OPERATOR, javascript=javascript)
    await operator.goto(address)
    await expect(operator.get_by_role("heading", level=1)).to_have_text("Valid")
    await expect(operator.locator(".driver")).to_have_text("Driver: Driver <b>One</b>")
    stranger = await open_window(day, DRIVER_2, javascript=javascript)
    await stranger.goto(address)
    await expect(stranger.get_by_role("heading", level=1)).to_have_text("Valid")
    assert "Driver <b>One" not in await stranger.locator("main").inner_text()
    await page.goto(f"/bookings/{now}/end")
    await page.get_by_role("button", name="End it").click()
    await operator.get_by_role("link", name="Check again").click()
    await expect(operator.get_by_role("heading", level=1)).to_have_text("No longer valid")


# Whether the middle of each of n x n squares of a picture is dark.
SQUARES = """async ([picture, n]) => {
    const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", {willReadFrequently: true});
    canvas.drawImage(bitmap, 0, 0);
    const middle = (index, length) => Math.floor((index + 0.5) * length / n);
    return [...Array(n).keys()].map(y => [...Array(n).keys()].map(x => {
        const [red, green, blue] = canvas.getImageData(middle(x, bitmap.width), middle(y, bitmap.height), 1, 1).data;
        return red + green + blue < 384 ? 1 : 0;
    }));
}"""


@in_a_browser
@pytest.mark.parametrize(("width", "scheme"), [(SMALLEST_PHONE, "light"), (360, "dark"), (1100, "dark")])
async def test_a_camera_sees_the_address_below(
    open_window: Open, module_database: Database, day: dt.date, width: int, scheme: Literal["light", "dark"]
) -> None:
    """What is on the screen, pixels and not markup: black on white in the dark too, with its quiet margin."""
    reservation = book(module_database, 1, day)
    page = await open_window(day, DRIVER_1, width=width, scheme=scheme)
    await page.goto(f"/bookings/{reservation}/pass")
    address = await address_below(page)
    wanted = [[int(dark) for dark in row] for row in segno.make(address, error="q", micro=False).matrix_iter(border=4)]
    other = [[int(dark) for dark in row] for row in segno.make(address[:-1] + "!", error="q").matrix_iter(border=4)]
    picture = b64encode(await page.locator("svg.qr").screenshot()).decode()
    # The page itself may load pictures from its own origin only.
    elsewhere = await page.context.new_page()
    seen = await elsewhere.evaluate(SQUARES, [picture, len(wanted)])
    assert seen == wanted
    assert seen != other, "another address looks different"


def test_what_a_pass_says_and_to_whom(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    reservation = book(module_database, 1, day)
    page = signed_in(http).get(f"/bookings/{reservation}/pass")
    assert page.headers["referrer-policy"] == "no-referrer"
    code = code_of(page.text)
    assert code_of(http.get(f"/bookings/{reservation}/pass").text) == code, "it is the same each time"
    http.cookies.clear()
    answer = http.get(f"/pass/{code}")
    assert answer.status_code == 200
    assert "Too early" in answer.text
    assert "Driver One" not in answer.text
    assert DRIVER_1 not in answer.text
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    module_database.psql(f"select from parking.cancel(parking.find_person('{DRIVER_1}'), {reservation})")
    assert "Cancelled on" in http.get(f"/pass/{code}").text
    answer = http.get(f"/pass/{'A' * 22}")
    assert (answer.status_code, problem(answer)) == (404, "unknown-pass")


def test_the_public_address_is_what_the_code_names(module_database: Database, day: dt.date) -> None:
    reservation = book(module_database, 1, day)
    with (
        Service(module_database, environ={"PARKING_PUBLIC_URL": "https://parking.example/"}) as service,
        httpx.Client(base_url=service.url, trust_env=False) as http,
    ):
        page = signed_in(http).get(f"/bookings/{reservation}/pass").text
        assert re.search(r'href="https://parking\.example/pass/[A-Za-z0-9_-]{22}"', page)
        event = event_of(http, reservation)
    assert str(event["uid"]) == f"reservation-{reservation}-default@parking.example"


# Calendar files.


def event_of(http: httpx.Client, reservation: int) -> dict[str, Any]:
    answer = http.get(f"/bookings/{reservation}.ics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert f'filename="parking-{reservation}.ics"' in answer.headers["content-disposition"]
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n")), "lines are folded (RFC 5545, 3.1)"
    (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
    return {name.lower(): value for name, value in event.items()}


def test_a_calendar_follows_a_booking(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    """One event for its life: moved, it is newer; cancelled, it says so."""
    module_database.psql(f"update parking.spots set name = '{ENDLESS}; a, b' where id = 1")
    try:
        reservation = book(module_database, 1, day)
        first = event_of(signed_in(http), reservation)
        assert first["dtstart"].dt == at(day, 8)
        assert str(first["dtstart"].dt.tzinfo) == "UTC"
        assert first["dtend"].dt == at(day, 12)
        assert (str(first["status"]), first["sequence"]) == ("CONFIRMED", 0)
        assert f"{ENDLESS}; a, b" in str(first["summary"])
        module_database.psql(f"""
            select from parking.reschedule(
                parking.find_person('{DRIVER_1}'), {reservation}, ends => '{at(day, 14).isoformat()}')""")
        moved = event_of(http, reservation)
        assert (moved["dtend"].dt, moved["sequence"]) == (at(day, 14), 1)
        module_database.psql(f"select from parking.cancel(parking.find_person('{DRIVER_1}'), {reservation})")
        gone = event_of(http, reservation)
        assert (str(gone["status"]), gone["sequence"]) == ("CANCELLED", 2)
        assert first["uid"] == moved["uid"] == gone["uid"]
    finally:
        module_database.psql("update parking.spots set name = 'Spot 1' where id = 1")


# What one sees.


@in_a_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_the_smallest_phone(
    open_window: Open, module_database: Database, day: dt.date, scheme: Literal["light", "dark"]
) -> None:
    quoted = HOSTILE.replace("'", "''")
    module_database.psql(f"update parking.spots set name = '{quoted}' where id = 1")
    module_database.psql(f"update parking.spots set name = '{ENDLESS}' where id = 2")
    try:
        now, coming = running(module_database, 1), book(module_database, 2, day)
        page = await open_list(open_window, day, width=SMALLEST_PHONE, scheme=scheme)
        await expect(page.locator(f"#stay-{now} .spot")).to_have_text(HOSTILE)
        code = module_database.psql(f"select parking.issue_pass(parking.find_person('{DRIVER_1}'), {now})")
        addresses = ["", f"/{now}/end", f"/{now}/change", f"/{now}/pass", f"/{coming}/cancel"]
        for address in (*(f"/bookings{path}" for path in addresses), f"/pass/{code}", "/account"):
            await page.goto(address)
            await expect_to_fit(page)
            assert await page.evaluate("window.pwned") is None
            for target in await page.locator(".deeds a, .choice > *, button:visible").all():
                box = await target.bounding_box()
                assert box
                assert box["height"] >= 40, await target.inner_text()
    finally:
        module_database.psql("update parking.spots set name = 'Spot ' || id where id in (1, 2)")


@in_a_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [SMALLEST_PHONE, 1100])
async def test_axe_finds_nothing(
    open_window: Open, module_database: Database, day: dt.date, scheme: Literal["light", "dark"], width: int
) -> None:
    """On each view, in whatever state a pass is."""
    now, coming, gone = running(module_database, 1), book(module_database, 2, day), book(module_database, 3, day)
    book(module_database, 2, day, hour=12, driver=DRIVER_2)
    me = f"parking.find_person('{DRIVER_1}')"
    valid, early, ended = (
        module_database.psql(f"select parking.issue_pass({me}, {each})") for each in (now, coming, gone)
    )
    module_database.psql(f"select from parking.cancel({me}, {gone})")
    page = await open_list(open_window, day, width=width, scheme=scheme)
    own = ["", f"/{now}/end", f"/{coming}/cancel", f"/{now}/pass", f"/{gone}/change", f"/{now}/change"]
    views = [f"/bookings{path}" for path in own] + [f"/pass/{code}" for code in (valid, early, ended)]
    for view in (*views, "/bookings?period=past", "/account", "/problems/spot-taken"):
        await page.goto(view)
        await expect_no_violation(page)
    # And with a conflict on it.
    await page.goto(f"/bookings/{coming}/change")
    await page.get_by_label("Ends").fill(f"{day}T13:00")
    await page.get_by_role("button", name="Change it").click()
    await expect(page.get_by_role("heading", name="What is free instead")).to_be_visible()
    await expect_to_fit(page)
    await expect_no_violation(page)
    stranger = await open_window(day, width=width, scheme=scheme)
    for view in ("/sign-in", "/register"):
        await stranger.goto(view)
        await expect_no_violation(stranger)


@in_a_browser
async def test_by_keyboard_alone(open_window: Open, module_database: Database, day: dt.date) -> None:
    coming = book(module_database, 2, day)
    page = await open_list(open_window, day)

    async def tab_to(script: str) -> None:
        for _ in range(40):
            if await page.evaluate(script):
                return
            await page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not lead to where {script}")

    await tab_to(f"document.activeElement.id === 'cancel-{coming}'")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Cancel it")).to_be_visible()
    await tab_to("document.activeElement.textContent === 'Cancel it'")
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages [data-kind=done]")).to_be_visible()
    assert status(module_database, coming) == "cancelled"
