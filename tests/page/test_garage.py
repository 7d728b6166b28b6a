"""The page of the desk: its day in two windows, and without JavaScript; what is due is shown before it is paid."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, Page, expect

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
    """Nobody has ever been in the garage, nor signed in, and the clock is right."""
    yield
    module_database.psql("""
        delete from parking_private.attempts;
        truncate parking.payments, parking.ticket_lines, parking.tickets, parking.ticket_counters;
        update parking.garages set spaces = 140;
        update parking_private.clock_shift set shift = '0'""")


def later(database: Database, hours: float) -> None:
    """Set the clock so far ahead."""
    database.psql(f"update parking_private.clock_shift set shift = '{hours} hours'")


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


@in_the_browser
async def test_nobody_pays_another_amount_than_was_shown(open_window: Open, module_database: Database) -> None:
    number = enter(module_database, "SLOW1")
    page = await at_the_desk(open_window, f"ticket={number}", javascript=False)
    await expect(page.locator(".bill tfoot")).to_contain_text("€10.00")
    later(module_database, 1.5)
    await page.get_by_role("button", name="Take the money and let it out").click()
    await expect(page.locator("#messages [data-kind=refusal]")).to_have_attribute("data-problem", "amount-changed")
    assert module_database.psql("select status from parking.tickets") == "open"
    assert module_database.psql("select count(*) from parking.payments") == "0"
    await expect(page.locator(".bill tfoot")).to_contain_text("€20.00")
    await page.get_by_role("button", name="Take the money and let it out").click()
    await expect(page.locator(".bill tfoot")).to_contain_text("Paid · Cash")
    assert module_database.psql("select amount_cents from parking.payments") == "2000"


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
    await page.get_by_role("button", name="Take the money and let it out").click()
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
    await expect(page.get_by_label("Spaces")).to_have_value("140")
    await expect(page.get_by_label("Hours that a vehicle")).to_have_value("4")
    await page.get_by_label("Spaces").fill("12")
    await page.get_by_label("Hours that a vehicle").fill("2.5")
    await page.get_by_role("button", name="Save").click()
    await until_live(page)
    await expect(tile(page, "Free now")).to_have_text("12")
    assert module_database.psql("select assumed_stay_seconds from parking.garages where lot_id = 4") == "9000"

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
            {"ticket": "PS-0001", "plate": "A1", "method": "Cash", "amount": "1000", "reason": " "},
            (422, "not-a-reason"),
        ),
        ("void", {"ticket": "PS-0001", "reason": ""}, (422, "not-a-reason")),
        ("settings", {"spaces": "0", "hours": "4"}, (422, "not-a-garage")),
        ("settings", {"spaces": "10", "hours": "0"}, (422, "not-a-garage")),
        ("settings", {"spaces": "many", "hours": "4"}, (400, "invalid-request")),
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
        select parking.lose_ticket({OF_ATTENDANT}, 4, 'AXE2', 'Cash', 'Lost');
        select parking.void_ticket({OF_ATTENDANT}, '{numbers[3]}', 'Error')""")
    page = await at_the_desk(open_window, f"ticket={numbers[0]}", who=OPERATOR, width=width, scheme=scheme)
    for address in (None, "/garage/report", "/garage/settings"):
        if address:
            await page.goto(address)
        for summary in await page.locator("summary").all():
            await summary.click()
        await expect_to_fit(page)
        found = await Axe().run(page)
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found.response["violations"]] == []


def test_in_german(http: httpx.Client, module_service: Service, module_database: Database) -> None:
    number = enter(module_database, "GERMAN1")
    signed_in(http, module_service, 10)
    text = http.get(f"/garage?ticket={number}", headers={"Accept-Language": "de"}).text
    for words in (
        "Ein Fahrzeug fährt ein",
        "Im Parkhaus",
        "10,00\xa0€",
        "Geld nehmen und ausfahren lassen",
        "Kreditkarte",
    ):
        assert words in text, words


def test_the_days_of_a_report_are_the_garages_own(
    http: httpx.Client, module_service: Service, module_database: Database
) -> None:
    signed_in(http, module_service, 3)
    today = dt.date.fromisoformat(module_database.psql("select today from parking.find_lot()"))
    text = http.get(f"/garage/report?from={today}&until={today}").text
    assert text.count("<tbody>") == 3
    assert f'value="{today}"' in text
