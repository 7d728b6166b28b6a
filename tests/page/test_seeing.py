"""Whoever reads German, has the system choose the colours, or is made unwell by things that move."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect

from tests.page.axe import expect_no_violation
from tests.page.board import book, cell, expect_status
from tests.page.conftest import Open, until_live
from tests.page.test_looks import SMALLEST_PHONE, expect_to_fit
from tests.support import DRIVER_2, OPERATOR, Database

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What edge, sign and word a thing has, and whether its edge and its sign are to be seen at all.
LOOKS = """element => {
    const style = getComputedStyle(element);
    const sign = element.querySelector(".icon use");
    const stroke = sign && getComputedStyle(sign).stroke;
    return {
        edge: `${style.borderTopStyle} ${style.borderTopWidth}`,
        sign: sign && sign.getAttribute("href"),
        word: element.querySelector(".word, .state").innerText.trim(),
        seen: style.borderTopColor !== style.backgroundColor && stroke !== style.backgroundColor,
    };
}"""

WIDTH = "element => getComputedStyle(element).borderTopWidth"


@pytest.fixture
def busy(module_database: Database, day: dt.date) -> Iterator[int]:
    """A day with a cell in each state that there is, and spots in each state now; the operator's own booking."""
    say = f"select from parking.set_spot_state(parking.find_person('{OPERATOR}'), {{}}, '{{}}', '{{}}')"
    for spot, state in ((4, "maintenance"), (2, "reserved"), (3, "occupied"), (5, "unknown")):
        module_database.psql(say.format(spot, state, "Because"))
    book(module_database, 2, day, driver=DRIVER_2)
    yield book(module_database, 1, day, driver=OPERATOR)
    for spot in (2, 3, 4, 5):
        module_database.psql(say.format(spot, "free", "Done"))


@pytest.mark.parametrize(
    ("language", "width", "colours"),
    [("de", SMALLEST_PHONE, "none"), ("de", 1280, "none"), ("en", 1280, "active")],
    ids=["German on a phone", "German", "forced colours"],
)
async def test_axe_finds_nothing(  # noqa: PLR0917 (pytest gives them by name)
    open_window: Open, day: dt.date, busy: int, language: str, width: int, colours: Literal["active", "none"]
) -> None:
    page = await open_window(day, OPERATOR, width=width, forced_colors=colours)
    if language == "de":
        await page.get_by_role("button", name="Deutsch").click()
    for view in (
        f"/?date={day}",
        f"/?date={day}&lot=2",
        "/lots",
        "/bookings",
        f"/bookings/{busy}/change",
        f"/bookings/{busy}/cancel",
        f"/bookings/{busy}/pass",
        "/account",
        f"/operate?date={day}&spot=4",
        "/problems/spot-taken",
        "/offline",
    ):
        await page.goto(view)
        await expect(page.locator("html")).to_have_attribute("lang", "de" if language == "de" else "en-GB")
        await expect_to_fit(page)
        await expect_no_violation(page)
    await page.context.clear_cookies(name="session")
    await page.context.clear_cookies(name="refresh")
    for view in ("/sign-in", "/register"):
        await page.goto(view)
        await expect_to_fit(page)
        await expect_no_violation(page)


async def test_axe_would_find_a_fault(open_window: Open) -> None:
    """The negative control of this test and of the others of its name."""
    page = await open_window()
    await page.goto("/lots")
    await expect_no_violation(page)
    await page.locator("main").evaluate("main => main.append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        await expect_no_violation(page)


async def test_forced_colours_leave_every_state_its_edge_sign_and_word(
    open_window: Open, day: dt.date, busy: int
) -> None:
    page = await open_window(day, OPERATOR, forced_colors="active")
    cells = {"yours": cell(page, 1, day), "booked": cell(page, 2, day), "available": cell(page, 3, day)}
    for status, one in cells.items():
        await expect_status(one, status)
    cells["maintenance"] = cell(page, 4, day)
    looks: dict[str, dict[str, Any]] = {name: await one.evaluate(LOOKS) for name, one in cells.items()}
    await page.goto("/?date=2020-01-01")
    looks["past"] = await page.locator(".cell").first.evaluate(LOOKS)
    _expect_to_differ(looks)
    assert len({look["edge"] for look in looks.values()}) == 4, "only what cannot be had looks alike: past and closed"

    await page.goto(f"/operate?date={day}")
    await until_live(page)
    spots = {str(await one.get_attribute("data-state")): one for one in await page.locator(".spot").all()}
    assert {*spots} == {"free", "reserved", "occupied", "maintenance", "unknown"}
    _expect_to_differ({name: await one.evaluate(LOOKS) for name, one in spots.items()})


def _expect_to_differ(looks: dict[str, dict[str, Any]]) -> None:
    for part in ("sign", "word"):
        assert len({look[part] for look in looks.values()}) == len(looks), looks
    assert all(look["seen"] for look in looks.values()), looks


async def test_forced_colours_leave_a_chart_its_kinds(open_window: Open, day: dt.date) -> None:
    """By fill and edge together, in the key as in the chart."""
    page = await open_window(day, OPERATOR, forced_colors="active")
    await page.goto(f"/operate?date={day}")
    key = await page.locator(".swatch").evaluate_all(
        """all => all.map(one => {
            const {backgroundColor, borderTopStyle, borderTopColor} = getComputedStyle(one);
            return [one.parentElement.parentElement.parentElement.id, backgroundColor, borderTopStyle, borderTopColor];
        })"""
    )
    assert len(key) == 7
    assert len({tuple(kind) for kind in key[:3]}) == 3
    assert len({tuple(kind) for kind in key[3:]}) == 4


async def test_what_is_chosen_is_told_without_colour(open_window: Open, day: dt.date) -> None:
    page = await open_window(day, forced_colors="active")
    for chosen, other in (
        (".types a[aria-current]", ".types a:not([aria-current])"),
        (".choices button[aria-pressed=true]", ".choices button[aria-pressed=false]"),
    ):
        widths = [await page.locator(each).first.evaluate(WIDTH) for each in (chosen, other)]
        assert widths[0] != widths[1], chosen


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
async def test_nothing_moves_for_whoever_has_asked_for_that(
    open_window: Open, module_database: Database, day: dt.date, motion: Literal["reduce", "no-preference"]
) -> None:
    page = await open_window(day, OPERATOR, reduced_motion=motion)
    await cell(page, 1, day).click()
    await expect(page.locator("#messages .message")).to_be_visible()
    moving = await moves(page)
    assert (moving == []) is (motion == "reduce"), moving


async def moves(page: Page) -> list[str]:
    """What would move, of all that is there."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll("*")].filter(one => {
            const {animationName, transitionDuration, scrollBehavior} = getComputedStyle(one);
            const lasts = transitionDuration.split(",").some(each => parseFloat(each) > 0);
            return animationName !== "none" || lasts || scrollBehavior === "smooth";
        }).map(one => one.className || one.tagName)"""
    )
    return found


@pytest.mark.parametrize("width", [900, 1100, 1280, 1700])
async def test_the_bar_and_what_is_below_it_have_the_same_edges(open_window: Open, day: dt.date, width: int) -> None:
    page = await open_window(day, OPERATOR, width=width)
    for address in (f"/?date={day}", f"/operate?date={day}", "/lots"):
        await page.goto(address)
        left = [await edge(page, each, "left") for each in (".brand", "main h1", ".foot")]
        right = [await edge(page, each, "right") for each in (".who", "main", ".foot")]
        assert max(left) - min(left) <= 1, (address, left)
        assert max(right) - min(right) <= 1, (address, right)


async def edge(page: Page, selector: str, side: str) -> float:
    """Where the content of something begins or ends."""
    found: float = await page.locator(selector).first.evaluate(
        """(element, side) => {
            const padding = parseFloat(getComputedStyle(element)[`padding-${side}`]);
            return element.getBoundingClientRect()[side] + (side === "left" ? padding : -padding);
        }""",
        side,
    )
    return found
