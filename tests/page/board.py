"""Where things are on the board's page, and what the database knows of them."""

import datetime as dt

from playwright.async_api import Locator, Page, expect

from tests.support import DRIVER_1, Database
from tests.support.days import BERLIN


def at(day: dt.date, hour: int) -> dt.datetime:
    """This hour of a day in the demo's lot."""
    return dt.datetime.combine(day, dt.time(hour), BERLIN)


def cell_id(spot: int, day: dt.date, hour: int = 8) -> str:
    """The cell of a spot and of the slot that starts at this hour."""
    return f"cell-{spot}-{int(at(day, hour).timestamp())}"


def cell(page: Page, spot: int, day: dt.date, hour: int = 8) -> Locator:
    """The button of that cell."""
    return page.locator(f"#{cell_id(spot, day, hour)}")


def value(spot: int, day: dt.date, hour: int = 8) -> str:
    """What the cell's button sends."""
    return f"{spot}-{int(at(day, hour).timestamp())}-{int(at(day, hour + 4).timestamp())}"


async def expect_status(cell: Locator, status: str) -> None:
    """The cell is available, booked, yours or past, and says so in a word."""
    await expect(cell).to_have_attribute("data-status", status)
    await expect(cell.locator(".word")).to_have_text(status.capitalize())


def book(database: Database, spot: int, day: dt.date, hour: int = 8, driver: str = DRIVER_1) -> int:
    """A booking made by a DBA in psql; the reservation's number."""
    return int(
        database.psql(
            f"select id from parking.book(parking.find_person('{driver}'), {spot},"
            f" '{at(day, hour).isoformat()}', '{at(day, hour + 4).isoformat()}')",
            role="parking_dba",
        )
    )


def bookings(database: Database, spot: int, day: dt.date, hour: int = 8) -> list[str]:
    """Who has or had that cell, and what became of it: `driver1@parking.com active`."""
    rows = database.psql(
        f"select driver, status from parking.bookings where spot_id = {spot}"
        f" and starts = '{at(day, hour).isoformat()}' order by id"
    )
    return [row.replace("|", " ") for row in rows.splitlines()]
