"""The night on which the clocks change: a time that never comes is refused, of one that comes twice one chooses."""

import datetime as dt
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.async_api import expect

from tests.page.conftest import Open
from tests.page.test_forms import problem, signed_in, token
from tests.support import DRIVER_1, OPERATOR, PASSWORD, Database
from tests.support.days import BERLIN

SUMMER, WINTER = "+02:00", "+01:00"
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _far_ahead(module_database: Database) -> Iterator[None]:
    """A change of the clocks may lie more than a year ahead."""
    module_database.psql("update parking.tenants set booking_horizon = interval '12000 hours' where id = 1")
    yield
    module_database.psql("""
        delete from parking.reservations;
        update parking.tenants set booking_horizon = interval '8760 hours' where id = 1""")


def night(module_database: Database, shift: dt.timedelta) -> dt.date:
    """The next day but today that is shorter, or longer, by this."""
    day = dt.date.fromisoformat(module_database.psql("select today from parking.find_lot()"))
    while True:
        day += dt.timedelta(days=1)
        before, after = (dt.datetime.combine(each, dt.time(12), BERLIN) for each in (day - dt.timedelta(days=1), day))
        if after.utcoffset() - before.utcoffset() == shift:  # type: ignore[operator]
            return day


def book(database: Database, starts: str, ends: str, driver: str = DRIVER_1) -> int:
    return int(database.psql(f"select id from parking.book(parking.find_person('{driver}'), 1, '{starts}', '{ends}')"))


def end_of(database: Database, reservation: int) -> dt.datetime:
    return dt.datetime.fromisoformat(database.psql(f"select ends from parking.bookings where id = {reservation}"))


def test_a_time_that_is_skipped_is_refused_and_changes_nothing(http: httpx.Client, module_database: Database) -> None:
    day = night(module_database, HOUR)
    reservation = book(module_database, f"{day}T00:00{WINTER}", f"{day}T01:30{WINTER}")
    form = {"_csrf_token": token(signed_in(http)), "starts": f"{day}T00:00"}
    for text in ("02:00", "02:30", "02:59"):
        answer = http.post(f"/bookings/{reservation}/change", data={**form, "ends": f"{day}T{text}"})
        assert (answer.status_code, problem(answer)) == (422, "time-skipped")
        assert f'value="{day}T{text}"' in answer.text, "what was typed is still there"
    assert end_of(module_database, reservation) == dt.datetime.fromisoformat(f"{day}T01:30{WINTER}")
    answer = http.post(f"/bookings/{reservation}/change", data={**form, "ends": f"{day}T03:00"})
    assert answer.status_code == 303
    assert end_of(module_database, reservation) == dt.datetime.fromisoformat(f"{day}T03:00{SUMMER}")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("javascript", [True, False])
async def test_of_a_time_that_comes_twice_one_chooses(
    open_window: Open, module_database: Database, javascript: bool
) -> None:
    day = night(module_database, -HOUR)
    reservation = book(module_database, f"{day}T00:00{SUMMER}", f"{day}T01:00{SUMMER}")
    page = await open_window(day, DRIVER_1, javascript=javascript)
    await page.goto(f"/bookings/{reservation}/change")
    await expect(page.get_by_role("radio")).to_have_count(0)
    await page.get_by_label("Ends").fill(f"{day}T02:30")
    await page.get_by_role("button", name="Change it").click()
    await expect(page.get_by_role("alert")).to_have_attribute("data-problem", "time-twice")
    assert end_of(module_database, reservation) == dt.datetime.fromisoformat(f"{day}T01:00{SUMMER}")

    for turn, offset in (("second one, CET", WINTER), ("first one, CEST", SUMMER), ("first one, CEST", SUMMER)):
        await expect(page.get_by_label("Ends")).to_have_value(f"{day}T02:30")
        await page.get_by_role("radio", name=turn).check()
        await page.get_by_role("button", name="Change it").click()
        await expect(page.locator("#messages [data-kind=done]")).to_be_visible()
        assert end_of(module_database, reservation) == dt.datetime.fromisoformat(f"{day}T02:30{offset}")
        # From now on it says which of the two it is.
        await page.goto(f"/bookings/{reservation}/change")
        await expect(page.get_by_role("radio", name=turn)).to_be_checked()


def test_an_operators_word_ends_at_a_time_that_there_is(http: httpx.Client, module_database: Database) -> None:
    form = {"_csrf_token": token(http, "/sign-in"), "email": OPERATOR, "password": PASSWORD}
    assert http.post("/sign-in", data=form).status_code == 303
    spring, autumn = night(module_database, HOUR), night(module_database, -HOUR)
    form = {"_csrf_token": token(http, "/operate?spot=5"), "spot": "5", "lot": "1", "date": str(spring)}
    form |= {"state": "maintenance", "reason": "Paint"}
    said = "select ends from parking.spot_overrides where spot_id = 5 and ended_at is null"
    try:
        answer = http.post("/operate/state", data={**form, "until": f"{spring}T02:30"})
        assert (answer.status_code, problem(answer)) == (422, "time-skipped")
        until = f"{autumn}T02:30"
        answer = http.post("/operate/state", data={**form, "until": until})
        assert (answer.status_code, problem(answer)) == (422, "time-twice")
        assert module_database.psql(said) == ""
        assert re.findall(r'name="until_turn" value="([a-z]+)"', answer.text) == ["first", "second"]
        answer = http.post("/operate/state", data={**form, "until": until, "until_turn": "first"})
        assert answer.status_code == 303
        assert dt.datetime.fromisoformat(module_database.psql(said)) == dt.datetime.fromisoformat(f"{until}{SUMMER}")
        assert http.post("/operate/state", data={**form, "until": until, "until_turn": "third"}).status_code == 400
    finally:
        module_database.psql(
            f"select from parking.set_spot_state(parking.find_person('{OPERATOR}'), 5, 'free', 'Done')"
        )
