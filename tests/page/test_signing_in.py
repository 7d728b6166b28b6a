"""The way in and back: password managers, hostile targets, where one is signed in, and where one wanted to go."""

import datetime as dt
import re
from urllib.parse import quote, urlencode

import httpx
import pytest
from playwright.async_api import expect

from service.pages.answers import local
from service.pages.devices import name_of
from tests.page.board import book
from tests.page.conftest import Open, sign_in_here
from tests.page.test_forms import problem, signed_in, token
from tests.support import DRIVER_1, DRIVER_2, PASSWORD, Database, Service

in_a_browser = pytest.mark.asyncio(loop_scope="session")

HOSTILE = [
    "//elsewhere.example/",
    "///elsewhere.example/",
    "/\\elsewhere.example/",
    "\\/elsewhere.example/",
    "\\\\elsewhere.example/",
    "/\t/elsewhere.example/",
    "/\n/elsewhere.example/",
    "\t//elsewhere.example/",
    " //elsewhere.example/",
    "/ /elsewhere.example/",
    "/\x00/elsewhere.example/",
    "/\x7f/elsewhere.example/",
    "/\u2028/elsewhere.example/",
    "/\uff0felsewhere.example/",
    "https://elsewhere.example/",
    "https:elsewhere.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "elsewhere.example",
    "?next=//elsewhere.example",
    "/ok\r\nLocation: https://elsewhere.example/",
    "/ok\r\n\r\n<script>",
]


@pytest.mark.parametrize("target", HOSTILE)
def test_a_hostile_target_leads_to_the_board(http: httpx.Client, target: str) -> None:
    """In the form, in the address, and in both after a registration or a refusal."""
    assert local(target) == "/"
    # Somebody else each time, because guesses are counted.
    form = {"_csrf_token": token(http, "/sign-in"), "next": target, "email": f"nobody{hash(target)}@parking.com"}
    page = http.post("/sign-in", data={**form, "password": "wrong"}).text
    assert 'name="next" value="/"' in page
    assert 'href="/register?next=%2F"' in page
    page = http.post("/register", data={**form, "name": "N", "password": "short"}).text
    assert 'name="next" value="/"' in page
    assert 'href="/sign-in?next=%2F"' in page
    answer = http.post("/sign-in", data={**form, "email": DRIVER_1, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "target", ["%2F%2Felsewhere.example", "/%2Felsewhere.example", "/%5Celsewhere.example", "/%09/x"]
)
@in_a_browser
async def test_an_encoded_target_stays_on_this_site(
    open_window: Open, module_service: Service, day: dt.date, target: str
) -> None:
    """Whatever a browser makes of what is encoded once more: it is still an address of this site."""
    page = await open_window(day)
    await page.goto(f"/sign-in?next={quote(target, safe='')}")
    await sign_in_here(page, DRIVER_1)
    assert page.url.startswith(f"{module_service.url}/")
    assert "elsewhere.example" not in page.url.removeprefix(module_service.url).split("/")[0]


def test_what_password_managers_look_for(http: httpx.Client) -> None:
    """One form with one name and one password each, named as HTML has it (4.10.18.7), and a way to change it."""
    for path, kind in (("/sign-in", "current-password"), ("/register", "new-password")):
        page = http.get(path).text
        assert page.count('autocomplete="username"') == 1
        assert page.count(f'autocomplete="{kind}"') == 1
        assert page.count('type="password"') == 1
        assert not re.search(r"onpaste|oncopy|autocomplete=\"off\"", page)
    page = signed_in(http).get("/account").text
    for kind in ("username", "current-password", "new-password"):
        assert page.count(f'autocomplete="{kind}"') == 1
    answer = http.get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")


@in_a_browser
async def test_a_password_is_shown_while_one_wants_to_see_it(open_window: Open, day: dt.date) -> None:
    page = await open_window(day)
    await page.goto("/sign-in")
    field = page.locator("#password")
    await page.get_by_label("E-mail").fill(DRIVER_1)
    await field.fill("not the password")
    await page.get_by_role("button", name="Show the password").click()
    await expect(field).to_have_attribute("type", "text")
    await expect(field).to_have_value("not the password")
    await page.get_by_role("button", name="Hide the password").click()
    await expect(field).to_have_attribute("type", "password")
    await page.get_by_role("button", name="Show the password").click()
    await page.evaluate(
        "document.querySelector('form.card').addEventListener('submit', (event) => event.preventDefault())"
    )
    await page.get_by_role("button", name="Sign in").click()
    await expect(field).to_have_attribute("type", "password")
    allowed = "document.querySelector('#password').dispatchEvent(new ClipboardEvent('paste', {cancelable: true}))"
    assert await page.evaluate(allowed), "nothing keeps a password from being pasted"

    without = await open_window(day, javascript=False)
    await without.goto("/sign-in")
    await expect(without.get_by_role("button", name="Show the password")).to_have_count(0)
    await sign_in_here(without, DRIVER_1)
    await expect(without.get_by_role("link", name=DRIVER_1)).to_be_visible()


@in_a_browser
@pytest.mark.parametrize("javascript", [True, False])
async def test_one_session_is_ended_from_another(
    open_window: Open, module_database: Database, day: dt.date, javascript: bool
) -> None:
    module_database.psql(
        "update parking.sessions set revoked_at = renewed_at, revoked_because = 'tried' where revoked_at is null"
    )
    here, there = await open_window(day, DRIVER_1, javascript=javascript), await open_window(day, DRIVER_1)
    stranger = await open_window(day, DRIVER_2)
    await here.get_by_role("link", name=DRIVER_1).click()
    devices = here.locator(".devices li")
    await expect(devices).to_have_count(2)
    await expect(devices.filter(has_text="this browser")).to_have_count(1)
    await expect(devices.first).to_contain_text("Linux")
    await here.get_by_role("button", name="Sign out there").click()
    await expect(here.get_by_role("status").first).to_contain_text("Signed out there")
    await expect(devices).to_have_count(1)
    await expect(there.get_by_label("Password", exact=True)).to_be_visible()
    await expect(stranger.locator("#connection")).to_have_attribute("data-state", "live")
    assert (
        module_database.psql("select count(*) from parking.sessions where revoked_because = 'signed-out-elsewhere'")
        >= "1"
    )


def test_nobody_ends_anothers_session(http: httpx.Client, module_database: Database, module_service: Service) -> None:
    signed_in(http)
    session = module_database.psql(
        "select id from parking.sessions where revoked_at is null order by opened_at desc limit 1"
    )
    with httpx.Client(base_url=module_service.url, trust_env=False) as other:
        form = {"_csrf_token": token(other, "/sign-in"), "email": DRIVER_2, "password": PASSWORD}
        assert other.post("/sign-in", data=form).status_code == 303
        data = {"_csrf_token": token(other), "session": session}
        assert other.post("/account/end-session", data=data).status_code == 303
        assert other.post("/account/end-session", data={**data, "session": "x"}).status_code == 400
        assert other.post("/account/end-session", data={**data, "_csrf_token": "0"}).status_code == 403
    assert http.get("/account").status_code == 200


def test_registering_does_not_forget_where_one_wanted_to_go(http: httpx.Client, day: dt.date) -> None:
    target = f"/?date={day}"
    form = {"_csrf_token": token(http, "/register"), "email": "going@parking.com", "name": "N", "next": target}
    refused = http.post("/register", data={**form, "password": "short"})
    assert (refused.status_code, problem(refused)) == (422, "password-too-weak")
    assert f'name="next" value="{target}"' in refused.text
    answer = http.post("/register", data={**form, "password": "correct horse"})
    assert answer.headers["location"] == "/sign-in?" + urlencode({"next": target})
    answer = http.post("/sign-in", data={**form, "password": "correct horse"} | {"name": ""})
    assert answer.status_code == 400, "a field that is not the form's is refused"
    del form["name"]
    answer = http.post("/sign-in", data={**form, "password": "correct horse"})
    assert (answer.status_code, answer.headers["location"]) == (303, target)


def test_a_session_that_ends_does_not_forget_where_one_was(
    http: httpx.Client, module_database: Database, day: dt.date
) -> None:
    """A page that is asked for, a form that is sent from a page that the browser names, and one that it does not."""
    host = str(http.base_url).rstrip("/")
    for referer, reached in (
        (f"{host}/account", "%2Faccount"),
        ("https://elsewhere.example/account", "%2F"),
        (f"{host}//elsewhere.example/", "%2F"),
        ("http://[", "%2F"),
        ("", "%2F"),
    ):
        http.cookies.clear()
        data = {"_csrf_token": token(signed_in(http)), "session": "00000000-0000-0000-0000-000000000000"}
        module_database.psql(
            "update parking.sessions set revoked_at = renewed_at, revoked_because = 'tried' where revoked_at is null"
        )
        answer = http.post("/account/end-session", data=data, headers={"Referer": referer})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={reached}")
    signed_in(http)
    module_database.psql(
        "update parking.sessions set revoked_at = renewed_at, revoked_because = 'tried' where revoked_at is null"
    )
    answer = http.get("/bookings?period=past")
    assert answer.headers["location"] == "/sign-in?next=%2Fbookings%3Fperiod%3Dpast"


@pytest.mark.parametrize(
    "target",
    [
        "/bookings?period=past&after=1-1",
        "/bookings/1/pass",
        "/bookings/1.ics",
        "/garage?lot=4&ticket=PS-0001",
        "/garage/find?lot=4&what=B-AB+123",
        "/garage/settings?lot=4",
        "/garage/report",
        "/garage/report?lot=4&from=2026-10-01&until=2026-10-31",
    ],
)
def test_who_signs_in_first_comes_back_to_what_was_asked_for(http: httpx.Client, target: str) -> None:
    answer = http.get(target)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?" + urlencode({"next": target}))


@in_a_browser
async def test_who_may_not_see_something_comes_back_as_somebody_who_may(
    open_window: Open, module_database: Database, day: dt.date
) -> None:
    reservation = book(module_database, 1, day, driver=DRIVER_2)
    page = await open_window(day, DRIVER_1, javascript=False)
    await page.goto(f"/bookings/{reservation}/change")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Another driver's reservation")
    await page.get_by_role("button", name="Sign in as somebody else").click()
    await sign_in_here(page, DRIVER_2)
    await expect(page).to_have_url(f"/bookings/{reservation}/change")
    await expect(page.get_by_label("Ends")).to_have_value(f"{day}T12:00")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("<script>alert(1)</script>", "<script>alert"),
        ("", "Unknown program"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_program_is_called_by_its_name(said: str, name: str) -> None:
    assert name_of(said) == name


def test_a_hostile_program_is_shown_as_text(http: httpx.Client) -> None:
    form = {"_csrf_token": token(http, "/sign-in"), "email": DRIVER_1, "password": PASSWORD}
    hostile = "<img/src=x/onerror=alert`1`>"
    assert http.post("/sign-in", data=form, headers={"User-Agent": hostile}).status_code == 303
    page = http.get("/account").text
    assert hostile not in page
    assert "&lt;img/src=x/onerror=alert`1`&gt;" in page
