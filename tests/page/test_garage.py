"""The page of the desk: its day in two windows, and without JavaScript; what is due is shown before it is paid."""

import csv
import datetime as dt
import re
from collections.abc import Iterator
from html import unescape
from typing import Literal

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.page.axe import expect_no_violation
from tests.page.conftest import Open, sign_in_here, until_live
from tests.page.test_forms import problem, token
from tests.page.test_looks import ENDLESS, HOSTILE, SMALLEST_PHONE, expect_to_fit
from tests.support import DRIVER_1, OPERATOR, Database, Service, issue_token

in_the_browser = pytest.mark.asyncio(loop_scope="session")

ATTENDANT = "attendant@parking.com"
OF_ATTENDANT = f"parking.find_person('{ATTENDANT}')"


@pytest.fixture(scope="module")
def module_service(module_database: Database) -> Iterator[Service]:
    """A service whose garage is the demo's, as `make up` starts it."""
    with Service(
        module_database, environ={"PARKING_GARAGE_LOT": "4", "PARKING_GARAGE_DESK": "attendant@parking.com"}
    ) as service:
        yield service


@pytest.fixture(autouse=True)
def anew(module_database: Database) -> Iterator[None]:
    """Nobody has ever been in the garage, nor signed in, and the clocks are right."""
    yield
    module_database.psql("""
        delete from parking_private.attempts;
        truncate parking.payments, parking.ticket_lines, parking.tickets, parking.ticket_counters;
        update parking.garages set spaces = 140, assumed_stay_seconds = 14400;
        update parking.lots set time_zone = 'Europe/Berlin' where id = 4;
        update parking_private.clock_shift set shift = '0'""")


def later(database: Database, hours: float) -> None:
    """Set the clock so far ahead. By the garage's own it is two in the afternoon then, far from midnight."""
    database.psql(f"update parking_private.clock_shift set shift = '{hours} hours'")
    hour = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)).hour
    database.psql(f"update parking.lots set time_zone = 'Etc/GMT{hour - 14:+d}' where id = 4")


def enter(database: Database, plate: str, vehicle: str = "Car") -> str:
    """Let a vehicle in, as another desk does; its ticket's number."""
    vehicle = vehicle.replace("'", "''")
    return database.psql(
        f"select ticket_number from parking.enter_garage({OF_ATTENDANT}, 4, '{plate}', '{vehicle}')", role="parking_dba"
    )


async def at_the_desk(
    open_window: Open,
    query: str = "",
    *,
    who: str = ATTENDANT,
    width: int = 1100,
    scheme: Literal["light", "dark"] = "light",
    javascript: bool = True,
) -> Page:
    """The attendant's page in a window of its own."""
    page = await open_window(None, who, width=width, scheme=scheme, javascript=javascript)
    await page.goto(f"/garage?{query}")
    if javascript:
        await until_live(page)
    return page


def tile(page: Page, name: str) -> Locator:
    """The number in a tile."""
    return page.locator(".tile", has_text=name).locator("strong")


async def give_ticket(page: Page, plate: str) -> None:
    await page.get_by_label("Licence plate").fill(plate)
    await page.get_by_role("button", name="Give a ticket").click()


async def look_up(page: Page, what: str) -> None:
    await page.get_by_label("Ticket number or plate").fill(what)
    await page.get_by_role("button", name="Show what is due").click()


@in_the_browser
async def test_the_desks_day(open_window: Open, module_database: Database) -> None:
    desk, other = await at_the_desk(open_window), await at_the_desk(open_window)
    await expect(tile(desk, "Free now")).to_have_text("140")
    await give_ticket(desk, "b-ab 123")
    await expect(desk.locator("#messages [data-kind=done]")).to_contain_text("PS-0001 for BAB123.")
    for window in (desk, other):
        await expect(tile(window, "Free now")).to_have_text("139")
        entry = window.locator("#activities li").first
        await expect(entry).to_contain_text("PS-0001")
        await expect(entry).to_contain_text("Inside")

    later(module_database, 1.5)
    await look_up(desk, "BAB 123")
    await expect(desk.get_by_role("heading", name="Ticket PS-0001")).to_be_visible()
    await expect(desk.locator(".bill tbody tr")).to_have_count(1)
    await expect(desk.locator(".bill tbody tr")).to_contain_text("2 started hours")
    await expect(desk.locator(".bill tfoot")).to_contain_text("€20.00")
    await desk.get_by_role("radio", name="Credit card").check()
    await desk.get_by_role("button", name="Take the money and let it out").click()
    await expect(desk.locator("#messages [data-kind=done]")).to_contain_text("€20.00 are paid. Open the gate.")
    await expect(desk.locator(".bill tfoot")).to_contain_text("Paid · Credit card")
    for window in (desk, other):
        await expect(tile(window, "Free now")).to_have_text("140")
        await expect(tile(window, "Revenue today")).to_have_text("€20.00")
        await expect(tile(window, "Vehicles today")).to_have_text("1")
        await expect(tile(window, "Average stay")).to_have_text("1.5 h")
        await expect(window.locator("#activities li").first).to_contain_text("Paid")
    assert module_database.psql("select amount_cents, method from parking.payments") == "2000|Credit Card"


@in_the_browser
async def test_the_story_without_javascript(open_window: Open, module_database: Database) -> None:
    page = await at_the_desk(open_window, javascript=False)
    await give_ticket(page, "HH 1")
    await expect(page.locator("#messages [data-kind=done]")).to_contain_text("PS-0001 for HH1.")
    await give_ticket(page, "hh1")
    await expect(page.locator("#messages [data-kind=refusal]")).to_have_attribute("data-problem", "vehicle-inside")
    await expect(page.get_by_label("Licence plate")).to_have_value("hh1")

    await look_up(page, "ps 1")
    await expect(page.locator(".bill tfoot")).to_contain_text("€10.00")
    await page.get_by_role("button", name="Take the money and let it out").click()
    await expect(page.locator("#messages [data-kind=done]")).to_contain_text("€10.00 are paid")
    await look_up(page, "hh1")
    await expect(page.locator("#messages [data-kind=refusal]")).to_have_attribute("data-problem", "unknown-ticket")
    await expect(page.get_by_label("Ticket number or plate")).to_have_value("hh1")

    await give_ticket(page, "HH 2")
    await look_up(page, "HH 2")
    await page.get_by_text("The ticket is lost").click()
    losing = page.locator("#losing")
    await losing.get_by_role("radio", name="Cash").check()
    await losing.get_by_label("What is known about it").fill("Showed the papers")
    await losing.get_by_role("button").click()
    await expect(page.locator("#due")).to_contain_text("Ticket lost, paid")

    await give_ticket(page, "HH 3")
    await look_up(page, "PS-0003")
    await page.get_by_text("The ticket is void").click()
    await page.get_by_label("Why", exact=True).fill("Fire brigade")
    await page.get_by_role("button", name="Void it, without payment").click()
    await expect(page.locator("#messages [data-kind=done]")).to_contain_text("nothing is paid")
    assert module_database.psql(
        "select status, reason, amount_cents from parking.tickets order by id"
    ).splitlines() == [
        "paid||1000",
        "lost|Showed the papers|1000",
        "void|Fire brigade|0",
    ]


TAKE_THE_MONEY = "Take the money and let it out"


@in_the_browser
@pytest.mark.parametrize("javascript", [False, True])
async def test_nobody_pays_another_amount_than_was_shown(
    open_window: Open, module_database: Database, javascript: bool
) -> None:
    """What the page showed when it was asked for is what the driver was told, whatever a socket has drawn since."""
    number = enter(module_database, "SLOW1")
    page = await at_the_desk(open_window, f"ticket={number}", javascript=javascript)
    await expect(page.locator(".bill tfoot")).to_contain_text("€10.00")
    later(module_database, 1.5)
    if javascript:
        enter(module_database, "OTHER1")
        await expect(page.locator(".bill tfoot")).to_contain_text("€20.00")
    await page.get_by_role("button", name=TAKE_THE_MONEY).click()
    await expect(page.locator("#messages [data-kind=refusal]")).to_have_attribute("data-problem", "amount-changed")
    assert module_database.psql("select status from parking.tickets order by id limit 1") == "open"
    assert module_database.psql("select count(*) from parking.payments") == "0"
    await expect(page.locator(".bill tfoot")).to_contain_text("€20.00")
    await page.get_by_role("button", name=TAKE_THE_MONEY).click()
    await expect(page.locator(".bill tfoot")).to_contain_text("Paid · Cash")
    assert module_database.psql("select amount_cents from parking.payments") == "2000"


@in_the_browser
@pytest.mark.parametrize("javascript", [False, True])
@pytest.mark.parametrize("form", ["paying", "losing"])
async def test_a_ticket_that_was_closed_elsewhere_is_closed(
    open_window: Open, module_database: Database, form: str, javascript: bool
) -> None:
    number = enter(module_database, "TWICE1")
    page = await at_the_desk(open_window, f"ticket={number}", javascript=javascript)
    module_database.psql(f"select parking.leave_garage({OF_ATTENDANT}, '{number}', 'Card')")
    if javascript:
        await expect(page.locator(".bill tfoot")).to_contain_text("Paid · Card")
    # Another vehicle with this plate is none of this ticket's.
    enter(module_database, "TWICE1")
    if form == "losing":
        await page.get_by_text("The ticket is lost").click()
        await page.get_by_label("What is known about it").fill("Showed the papers")
    async with page.expect_response(lambda answer: answer.request.method == "POST") as waiting:
        await page.locator(f"#{form}").get_by_role("button").click()
    assert (await waiting.value).status == 409
    await expect(page.locator("#messages [data-kind=refusal]")).to_have_attribute("data-problem", "ticket-closed")
    assert module_database.psql("select status from parking.tickets order by id").splitlines() == ["paid", "open"]


def test_a_ticket_without_a_price_can_be_voided(
    http: httpx.Client, module_service: Service, module_database: Database
) -> None:
    number = enter(module_database, "FREE1")
    signed_in(http, module_service, 10)
    module_database.psql("update parking.tariffs set valid_until = valid_from where lot_id = 4")
    try:
        shown = http.get(f"/garage?ticket={number}")
        assert (shown.status_code, problem(shown)) == (200, "no-tariff")
        assert 'action="/garage/leave"' not in shown.text
        form = {"_csrf_token": token(http, "/garage"), "lot": "4", "ticket": number, "reason": "There is no price"}
        assert http.post("/garage/void", data=form).status_code == 303
    finally:
        module_database.psql("update parking.tariffs set valid_until = null where lot_id = 4")
    assert module_database.psql("select status from parking.tickets") == "void"


@in_the_browser
async def test_a_full_garage(open_window: Open, module_database: Database) -> None:
    module_database.psql("update parking.garages set spaces = 1")
    page = await at_the_desk(open_window)
    enter(module_database, "FIRST1")
    await expect(tile(page, "Free now")).to_have_text("0")
    await expect(page.locator(".room")).to_contain_text("full, nobody can enter")
    await give_ticket(page, "SECOND1")
    await expect(page.locator("#messages [data-kind=refusal]")).to_have_attribute("data-problem", "garage-full")
    await expect(page.get_by_label("Licence plate")).to_have_value("SECOND1")


@in_the_browser
async def test_who_stays_too_long_is_listed(open_window: Open, module_database: Database) -> None:
    number = enter(module_database, "LONG1")
    later(module_database, 5)
    page = await at_the_desk(open_window)
    await expect(tile(page, "Overstaying")).to_have_text("1")
    await page.locator("#overstays").get_by_role("link", name=number).click()
    await expect(page.locator("#due")).to_contain_text("LONG1")


@in_the_browser
async def test_with_the_keyboard_alone(open_window: Open, module_database: Database) -> None:
    page = await at_the_desk(open_window)
    await expect(page.get_by_label("Licence plate")).to_be_focused()
    await page.keyboard.type("KEY 1")
    await page.keyboard.press("Enter")
    await expect(page.locator("#messages [data-kind=done]")).to_contain_text("PS-0001 for KEY1.")
    await until_live(page)
    await expect(page.get_by_label("Licence plate")).to_be_focused()
    await page.get_by_label("Ticket number or plate").focus()
    await page.keyboard.type("key1")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Ticket PS-0001")).to_be_visible()
    await until_live(page)
    await page.get_by_role("radio", name="Cash").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("radio", name="Card", exact=True)).to_be_checked()
    await page.keyboard.press("Enter")
    await expect(page.locator(".bill tfoot")).to_contain_text("Paid · Card")
    assert module_database.psql("select status from parking.tickets") == "paid"


@in_the_browser
async def test_the_amount_follows_the_clock_and_what_is_written_stays(
    open_window: Open, module_database: Database
) -> None:
    number = enter(module_database, "WAIT1")
    page = await at_the_desk(open_window, f"ticket={number}")
    await page.get_by_text("The ticket is void").click()
    await page.get_by_label("Why", exact=True).fill("I am still typing")
    await page.get_by_role("radio", name="Debit card").check()
    await page.get_by_label("Licence plate").fill("HALF")
    later(module_database, 2.5)
    enter(module_database, "OTHER1")
    await expect(page.locator(".bill tfoot")).to_contain_text("€30.00")
    await expect(page.locator("#activities li").first).to_contain_text("OTHER1")
    await expect(page.get_by_label("Why", exact=True)).to_have_value("I am still typing")
    await expect(page.get_by_label("Licence plate")).to_have_value("HALF")
    # Not what was shown when the driver was told; the amount that is shown now is.
    await page.get_by_role("button", name=TAKE_THE_MONEY).click()
    await expect(page.locator("#messages [data-kind=refusal]")).to_have_attribute("data-problem", "amount-changed")
    await expect(page.locator(".bill tfoot")).to_contain_text("€30.00")
    await expect(page.get_by_role("radio", name="Debit card").first).to_be_checked()
    await page.get_by_role("button", name=TAKE_THE_MONEY).click()
    await expect(page.locator(".bill tfoot")).to_contain_text("Paid · Debit card")
    assert module_database.psql("select amount_cents from parking.payments") == "3000"


@in_the_browser
async def test_others_are_turned_away_in_words(open_window: Open) -> None:
    page = await open_window(None, DRIVER_1)
    await expect(page.get_by_role("link", name="Garage", exact=True)).to_have_count(0)
    for address in ("/garage", "/garage/report"):
        answer = await page.goto(address)
        assert answer
        assert answer.status == 403
        await expect(page.locator("[data-problem=not-permitted]")).to_be_visible()

    desk = await open_window()
    await desk.goto("/garage?lot=4")
    await sign_in_here(desk, ATTENDANT)
    assert desk.url.endswith("/garage?lot=4")
    await expect(desk.get_by_role("link", name="Reports")).to_have_count(0)
    await desk.goto("/")
    await desk.get_by_role("link", name="Garage", exact=True).click()
    await expect(desk.get_by_role("heading", name="A vehicle enters")).to_be_visible()
    answer = await desk.goto("/garage/report")
    assert answer
    assert answer.status == 403


@in_the_browser
async def test_an_operator_changes_the_spaces_and_reads_the_report(
    open_window: Open, module_database: Database
) -> None:
    number = enter(module_database, "REPORT1", "=cmd|' /C calc'!A0")
    module_database.psql(f"select parking.leave_garage({OF_ATTENDANT}, '{number}', 'Cash')")
    page = await at_the_desk(open_window, who=OPERATOR)
    await page.get_by_role("link", name="Settings of the garage").click()
    stay = "select spaces, assumed_stay_seconds from parking.garages where lot_id = 4"
    await expect(page.get_by_label("Spaces")).to_have_value("140")
    await expect(page.get_by_label("Hours")).to_have_value("4")
    await expect(page.get_by_label("Minutes")).to_have_value("0")
    await page.get_by_label("Spaces").fill("12")
    await page.get_by_label("Hours").fill("2")
    await page.get_by_label("Minutes").fill("30")
    await page.get_by_role("button", name="Save").click()
    await until_live(page)
    await expect(tile(page, "Free now")).to_have_text("12")
    assert module_database.psql(stay) == "12|9000"
    # Whatever a client has set, the form can keep; and what is left empty stays.
    module_database.psql(f"select parking.set_garage(parking.find_person('{OPERATOR}'), 4, assumed_stay_hours => 2.6)")
    await page.get_by_role("link", name="Settings of the garage").click()
    await expect(page.get_by_label("Minutes")).to_have_value("36")
    await page.get_by_label("Spaces").fill("13")
    await page.get_by_role("button", name="Save").click()
    await expect(tile(page, "Free now")).to_have_text("13")
    assert module_database.psql(stay) == "13|9360"
    await page.get_by_role("link", name="Settings of the garage").click()
    for field in ("Spaces", "Hours", "Minutes"):
        await page.get_by_label(field).fill("")
    await page.get_by_role("button", name="Save").click()
    await expect(tile(page, "Free now")).to_have_text("13")
    assert module_database.psql(stay) == "13|9360"

    await page.get_by_role("link", name="Reports").click()
    await page.get_by_role("link", name="Today").click()
    await expect(page.locator(".tile", has_text="Revenue")).to_contain_text("€10.00")
    await expect(page.locator(".lengths tr", has_text="less than 30 min")).to_contain_text("€10.00")
    await expect(page.locator("table", has_text="Standard")).to_contain_text("€10.00")
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Tickets as CSV").click()
    download = await waiting.value
    assert re.fullmatch(r"garage-4-[0-9-]+-tickets\.csv", download.suggested_filename)
    text = (await download.path()).read_text()
    assert "'=cmd|' /C calc'!A0" in text, "no spreadsheet calculates with it"
    assert ",=cmd" not in text
    assert ",10.00,EUR,Cash" in text
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Days as CSV").click()
    head, row = (await (await waiting.value).path()).read_text().splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=True))["revenue"] == "10.00"


def signed_in(http: httpx.Client, service: Service, person: int) -> None:
    """A session without a password, of which each costs a hash."""
    http.cookies.set("session", issue_token(service, person))


@pytest.mark.parametrize(
    ("address", "status", "slug"),
    [
        ("/garage?lot=2", 404, "no-garage"),
        ("/garage?lot=999999", 404, "unknown-lot"),
        ("/garage?ticket=PS-9999", 404, "unknown-ticket"),
        ("/garage?ticket=", 400, "invalid-request"),
        ("/garage?lot=x", 400, "invalid-request"),
        ("/garage/find?what=PS-9999", 404, "unknown-ticket"),
        ("/garage/find?what=---", 422, "not-a-plate"),
        ("/garage/find", 400, "invalid-request"),
        ("/garage/report?from=2026-02-01&until=2026-01-01", 422, "not-a-period-of-days"),
        ("/garage/report?from=1026-02-01", 422, "day-out-of-range"),
        ("/garage/report.csv?lot=4&from=2026-02-01&until=2026-01-01", 422, "not-a-period-of-days"),
        ("/garage/tickets.csv?lot=2&from=2026-02-01&until=2026-02-01", 404, "no-garage"),
        ("/garage/tickets.csv?lot=4", 400, "invalid-request"),
    ],
)
def test_what_there_is_not(http: httpx.Client, module_service: Service, address: str, status: int, slug: str) -> None:
    signed_in(http, module_service, 3)
    answer = http.get(address)
    assert (answer.status_code, problem(answer)) == (status, slug)


@pytest.mark.parametrize(
    ("path", "form", "refused"),
    [
        ("enter", {"plate": "-", "vehicle": "Car"}, (422, "not-a-plate")),
        ("enter", {"plate": "A1", "vehicle": " "}, (422, "not-a-vehicle")),
        ("enter", {"plate": "A1"}, (400, "invalid-request")),
        ("leave", {"ticket": "PS-0001", "method": "Shells", "amount": "1000"}, (422, "unknown-method")),
        ("leave", {"ticket": "PS-0001", "method": "Cash", "amount": "999"}, (409, "amount-changed")),
        ("leave", {"ticket": "PS-0001", "method": "Cash", "amount": "-1"}, (400, "invalid-request")),
        ("leave", {"ticket": "PS-0001", "method": "Cash"}, (400, "invalid-request")),
        (
            "lose",
            {"ticket": "PS-0001", "method": "Cash", "amount": "1000", "reason": " "},
            (422, "not-a-reason"),
        ),
        ("void", {"ticket": "PS-0001", "reason": ""}, (422, "not-a-reason")),
        ("settings", {"spaces": "0", "hours": "4"}, (422, "not-a-garage")),
        ("settings", {"spaces": "10", "hours": "0"}, (422, "not-a-garage")),
        ("settings", {"spaces": "10", "minutes": "-1"}, (422, "not-a-garage")),
        ("settings", {"spaces": "10", "hours": "168", "minutes": "1"}, (422, "not-a-garage")),
        ("settings", {"spaces": "many", "hours": "4"}, (400, "invalid-request")),
        ("settings", {"spaces": "10", "hours": "2.5"}, (400, "invalid-request")),
    ],
)
def test_forms_that_no_page_sends(
    http: httpx.Client, module_service: Service, path: str, form: dict[str, str], refused: tuple[int, str]
) -> None:
    signed_in(http, module_service, 3)
    enter(module_service.database, "A1")
    given = {"_csrf_token": token(http, "/garage"), "lot": "4"} | form
    answer = http.post(f"/garage/{path}", data=given)
    assert (answer.status_code, problem(answer)) == refused
    assert module_service.database.psql("select ticket_number, status from parking.tickets") == "PS-0001|open"
    assert http.post(f"/garage/{path}", data=given | {"_csrf_token": "invented"}).status_code == 403


@in_the_browser
async def test_hostile_words_stay_words(open_window: Open, module_database: Database) -> None:
    number = enter(module_database, "A" * 20, "100% " + HOSTILE[:40])
    module_database.psql(f"update parking.lots set name = '{ENDLESS}' where id = 4")
    module_database.psql(f"update parking.tariffs set name = '%s {HOSTILE[:60].replace(chr(39), '')}' where lot_id = 4")
    try:
        page = await at_the_desk(open_window, f"ticket={number}", width=SMALLEST_PHONE, who=OPERATOR)
        await expect(page.locator("#due")).to_contain_text("100% <img")
        await expect_to_fit(page)
        later(module_database, 1.5)
        await expect(page.locator(".bill tfoot")).to_contain_text("€20.00", timeout=20_000)
        await page.goto("/garage/report")
        await expect_to_fit(page)
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("img").count() == 0
    finally:
        module_database.psql("""
            update parking.lots set name = 'Ostbahnhof' where id = 4;
            update parking.tariffs set name = 'Standard' where lot_id = 4""")


@in_the_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [SMALLEST_PHONE, 1280])
async def test_axe_finds_nothing(
    open_window: Open, module_database: Database, width: int, scheme: Literal["light", "dark"]
) -> None:
    numbers = [enter(module_database, f"AXE{n}") for n in range(5)]
    later(module_database, 5)
    module_database.psql(f"""
        select parking.leave_garage({OF_ATTENDANT}, '{numbers[1]}', 'Cash');
        select parking.lose_ticket({OF_ATTENDANT}, '{numbers[2]}', 'Cash', 'Lost');
        select parking.void_ticket({OF_ATTENDANT}, '{numbers[3]}', 'Error')""")
    page = await at_the_desk(open_window, f"ticket={numbers[0]}", who=OPERATOR, width=width, scheme=scheme)
    for address in (None, "/garage/report", "/garage/settings"):
        if address:
            await page.goto(address)
        for summary in await page.locator("summary").all():
            await summary.click()
        await expect_to_fit(page)
        await expect_no_violation(page)


def test_in_german(http: httpx.Client, module_service: Service, module_database: Database) -> None:
    number = enter(module_database, "GERMAN1")
    signed_in(http, module_service, 10)
    text = http.get(f"/garage?ticket={number}", headers={"Accept-Language": "de"}).text
    for words in (
        "Ein Fahrzeug fährt ein",
        "Im Parkhaus",
        "10,00\xa0€",
        "Standard: 1 angefangene Stunde zu 10,00\xa0€",
        "Geld nehmen und ausfahren lassen",
        "Kreditkarte",
    ):
        assert words in text, words


GERMAN_LINES = """
    insert into parking.ticket_lines (tenant_id, ticket_id, position, kind, line, quantity, unit_cents, amount_cents,
        tariff_id, day, minutes, percent, reason)
    select 1, 1, 1 + row_number() over (), l.*
    from (values ('none', 'x', 1, 0, 0, null::bigint, null::date, null::integer, null::integer, null),
                 ('free', 'x', 1, 0, 0, 1, date '2027-05-10', 15, null, null),
                 ('flat', 'x', 1, 500, 500, 1, null, null, null, null),
                 ('started', 'x', 2, 500, 1000, 1, '2027-05-10', 60, 50, null),
                 ('started', 'x', 3, 100, 300, 1, null, 90, null, null),
                 ('day-cap', 'x', 1, -100, -100, null, '2027-05-10', null, null, null),
                 ('stay-cap', 'x', 1, -100, -100, null, null, null, null, null),
                 ('discount', 'x', 1, -100, -100, null, null, null, 10, null),
                 ('refund', 'x', 1, -1500, -1500, null, null, null, null, 'Der Aufzug'),
                 ('correction', 'x', 1, 100, 100, null, null, null, null, '100 % zu viel'))
        l(kind, line, quantity, unit, amount, tariff, day, minutes, percent, reason)"""


def test_every_kind_of_line_is_in_german(
    http: httpx.Client, module_service: Service, module_database: Database
) -> None:
    number = enter(module_database, "GERMAN1")
    module_database.psql(f"select parking.leave_garage({OF_ATTENDANT}, '{number}', 'Cash')")
    module_database.psql(GERMAN_LINES)
    signed_in(http, module_service, 10)
    text = http.get(f"/garage?ticket={number}", headers={"Accept-Language": "de"}).text
    assert re.findall(r"<th scope=\"row\"><bdi>(.*?)</bdi></th>", text) == [
        "Standard: 1 angefangene Stunde zu 10,00\xa0€",
        "Kostenlos",
        "Standard, 10. Mai: die ersten 15 Minuten frei",
        "Standard: Pauschale 5,00\xa0€",
        "Standard, 10. Mai: 2 angefangene Stunden zu 5,00\xa0€, mit Dauerkarte 50\xa0% weniger",
        "Standard: 3 × angefangene 90 Minuten zu 1,00\xa0€",
        "Höchstbetrag des Tages, 10. Mai",
        "Höchstbetrag des Aufenthalts",
        "Rabatt von 10\xa0%",
        "Erstattung: Der Aufzug",
        "Berichtigung: 100 % zu viel",
    ]


def test_the_days_of_a_report_are_the_garages_own(
    http: httpx.Client, module_service: Service, module_database: Database
) -> None:
    """Half past midnight by the garage's clock, which is the day before by UTC in summer and in winter."""
    midnight = """
        select (l.today + 1)::timestamp at time zone l.time_zone + interval '30 minutes' - clock_timestamp()
        from parking.find_lot(4) l"""
    module_database.psql(f"update parking_private.clock_shift set shift = ({midnight})")
    signed_in(http, module_service, 3)
    number = enter(module_database, "NIGHT1")
    module_database.psql(f"select parking.leave_garage({OF_ATTENDANT}, '{number}', 'Cash')")
    today = dt.date.fromisoformat(module_database.psql("select today from parking.find_lot(4)"))
    assert module_database.psql("select (parking.clock() at time zone 'UTC')::date") == str(
        today - dt.timedelta(days=1)
    )
    days = f"from={today - dt.timedelta(days=1)}&until={today}"
    rows = list(csv.DictReader(http.get(f"/garage/report.csv?lot=4&{days}").text.splitlines()))
    assert [(row["entered"], row["left"], row["revenue"]) for row in rows] == [("0", "0", "0.00"), ("1", "1", "10.00")]
    tickets = http.get(f"/garage/tickets.csv?lot=4&from={today}&until={today}").text
    assert f"{today} 00:30:" in tickets
    # Without dates it is this month up to today, both by the garage's calendar.
    text = http.get("/garage/report").text
    assert f'name="until" required value="{today}"' in text
    assert f'name="from" required value="{today.replace(day=1)}"' in text
    tiles = [
        re.findall(r"<dd><strong>(.*?)</strong>", http.get(f"/garage/report?from={day}&until={day}").text)
        for day in (today - dt.timedelta(days=1), today)
    ]
    assert tiles == [["0.00", "0", "0"], ["€10.00", "1", "1"]]


def test_a_plate_may_read_like_a_ticket(http: httpx.Client, module_service: Service, module_database: Database) -> None:
    signed_in(http, module_service, 10)
    enter(module_database, "B-AB 1")
    number = enter(module_database, "PS 1234")
    for what, found in (("PS 1234", number), ("ps 1", "PS-0001"), ("b ab 1", "PS-0001")):
        answer = http.get("/garage/find", params={"what": what})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/garage?lot=4&ticket={found}#ticket"), what


def test_without_a_setting_the_garage_is_ones_first_one(module_database: Database) -> None:
    """Not the first lot, which is none."""
    with (
        Service(module_database) as service,
        httpx.Client(base_url=service.url, timeout=60, trust_env=False) as http,
    ):
        signed_in(http, service, 10)
        shown = http.get("/garage")
        assert shown.status_code == 200
        assert "<h1><bdi>Ostbahnhof</bdi></h1>" in shown.text
        assert 'hx-ws:connect="/ws/garage?lot=4"' in shown.text


def test_a_driver_sees_what_a_booking_costs(
    http: httpx.Client, module_service: Service, module_database: Database
) -> None:
    """Before it is made, when it is, and in the list; where there is no tariff nothing is said of a price."""
    signed_in(http, module_service, 1)
    tomorrow = dt.date.fromisoformat(module_database.psql("select today + 1 from parking.find_lot(4)"))
    board = f"/?lot=4&date={tomorrow}"
    text = http.get(board).text
    assert re.findall(r"<li>(\d\d–\d\d: .*?)</li>", text) == ["08–12: €40.00", "12–16: €40.00", "16–20: €40.00"]
    assert "€" not in http.get(f"/?lot=1&date={tomorrow}").text
    if not (cell := re.search(r'name="cell" value="(\d+-\d+-\d+)"', text)):
        row = re.search(r'href="(/\?[^"]*row=[^"]*)"', text)
        assert row
        cell = re.search(r'name="cell" value="(\d+-\d+-\d+)"', http.get(unescape(row[1])).text)
    assert cell
    form = {"_csrf_token": token(http, board), "date": str(tomorrow), "lot": "4", "cell": cell[1]}
    try:
        booked = http.post("/book", data=form)
        assert booked.status_code == 303, booked.text
        assert "It costs €40.00." in http.get(booked.headers["location"]).text
        assert "Price: €40.00" in http.get("/bookings").text
        assert "Preis: 40,00\xa0€" in http.get("/bookings", headers={"Accept-Language": "de"}).text
    finally:
        module_database.psql("truncate parking.reservations cascade")
    spot = module_database.psql("select min(id) from parking.spots where lot_id = 1")
    module_database.psql(f"""
        select from parking.book(1, {spot}, '{tomorrow} 08:00 Europe/Berlin', '{tomorrow} 12:00 Europe/Berlin')""")
    try:
        text = http.get("/bookings").text
        assert "08:00" in text or "08–12" in text
        assert "Price" not in text
    finally:
        module_database.psql("truncate parking.reservations cascade")
