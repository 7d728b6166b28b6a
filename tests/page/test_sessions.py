"""Registering, staying signed in and signing out on the page."""

import datetime as dt

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.page.board import cell, expect_status, value
from tests.page.conftest import Open, sign_in_here, until_live
from tests.page.test_forms import problem, signed_in, token
from tests.support import DRIVER_1, DRIVER_2, PASSWORD, Database, Service

in_a_browser = pytest.mark.asyncio(loop_scope="session")


async def lapse(page: Page) -> None:
    """What a browser does with the access token's cookie when its time is over."""
    await page.context.clear_cookies(name="session")


def lapse_here(http: httpx.Client) -> None:
    http.cookies.delete("session")


def ended(database: Database) -> str:
    return database.psql("select string_agg(revoked_because, ',') from parking.sessions where revoked_at is not null")


@in_a_browser
@pytest.mark.parametrize("javascript", [True, False])
async def test_registering_and_signing_in(open_window: Open, day: dt.date, javascript: bool) -> None:
    email = f"new-{javascript}@parking.com"
    page = await open_window(day, javascript=javascript)
    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_role("link", name="Register").click()
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Name").fill("New Driver")
    await page.get_by_label("Password").fill("correct horse")
    await page.get_by_role("button", name="Register").click()
    await expect(page.get_by_role("status")).to_contain_text("Registered")
    await sign_in_here(page, email, "correct horse")
    await expect(page.locator("time")).to_have_attribute("datetime", str(day))
    await page.get_by_role("link", name=email).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your account")
    await expect(page.locator(".card").first).to_contain_text("New Driver")


def test_a_taken_email_registers_like_a_free_one(http: httpx.Client) -> None:
    answers = []
    for email in ("free@parking.com", DRIVER_1):
        form = {"_csrf_token": token(http, "/register"), "email": email, "name": "N", "password": "correct horse"}
        answer = http.post("/register", data=form)
        answers.append((answer.status_code, answer.headers["location"], answer.headers["set-cookie"]))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (303, "/sign-in?next=%2F")


def test_what_cannot_be_registered_is_said_in_the_form(http: httpx.Client) -> None:
    form = {"_csrf_token": token(http, "/register"), "email": "a@parking.com", "name": "N", "password": "short"}
    for change, slug in (
        ({}, "password-too-weak"),
        ({"email": "nobody"}, "not-an-email"),
        ({"name": " "}, "not-a-name"),
    ):
        answer = http.post("/register", data=form | change)
        assert (answer.status_code, problem(answer)) == (422, slug)
    assert http.post("/register", data={**form, "_csrf_token": "0"}).status_code == 403


@in_a_browser
@pytest.mark.parametrize("javascript", [True, False])
async def test_a_lapsed_access_token_signs_nobody_out(open_window: Open, day: dt.date, javascript: bool) -> None:
    page = await open_window(day, DRIVER_1, javascript=javascript)
    await lapse(page)
    if javascript:
        await cell(page, 1, day).click()
        await expect_status(cell(page, 1, day), "yours")
        await lapse(page)
    await page.reload()
    await expect(page.get_by_role("link", name=DRIVER_1)).to_be_visible()
    assert {cookie.get("name") for cookie in await page.context.cookies()} >= {"session", "refresh"}


@in_a_browser
async def test_the_socket_knows_whose_it_is_after_the_access_token_has_lapsed(open_window: Open, day: dt.date) -> None:
    page, other = await open_window(day, DRIVER_1), await open_window(day, DRIVER_1)
    await lapse(page)
    # Hidden and shown again: htmx closes the socket and opens it anew, with the cookies that are left.
    await page.evaluate("""() => {
        const show = (hidden) => {
            Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        };
        show(true);
        show(false);
    }""")
    await until_live(page)
    await cell(other, 2, day).click()
    await expect_status(cell(page, 2, day), "yours")


def test_every_address_of_the_page_refreshes_and_rotates(http: httpx.Client, module_database: Database) -> None:
    signed_in(http)
    begun = http.cookies["refresh"]
    for path in ("/", "/account", "/sign-in"):
        lapse_here(http)
        before = http.cookies["refresh"]
        answer = http.get(path)
        assert answer.status_code == (303 if path == "/sign-in" else 200)
        assert http.cookies["refresh"] != before
        for line in answer.headers.get_list("set-cookie"):
            if line.startswith(("session=", "refresh=")):
                assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in line.split(";")}
    # A second tab with the first token, too late.
    module_database.psql("""
        update parking.refresh_tokens
        set superseded_at = superseded_at - interval '1 minute', issued_at = issued_at - interval '1 minute'""")
    http.cookies.clear()
    http.cookies.set("refresh", begun, domain="127.0.0.1")
    answer = http.get("/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Faccount")
    assert "refresh" not in http.cookies
    assert "token-reused" in ended(module_database)


@pytest.mark.parametrize("refresh", ["nonsense", "x" * 43, "%00" * 43, ""])
def test_a_refresh_cookie_that_is_none(http: httpx.Client, refresh: str) -> None:
    http.cookies.set("refresh", refresh, domain="127.0.0.1")
    assert http.get("/").status_code == 200
    assert http.get("/account").status_code == 303


def test_signing_out_ends_the_session_not_only_the_cookie(http: httpx.Client, module_service: Service) -> None:
    signed_in(http)
    kept = dict(http.cookies)
    assert http.post("/sign-out", data={"_csrf_token": token(http, "/")}).status_code == 303
    assert not {"session", "refresh"} & set(http.cookies)
    for cookies in (kept, {name: kept[name] for name in ("csrf", "refresh")}):
        with httpx.Client(base_url=module_service.url, cookies=cookies, trust_env=False) as thief:
            answer = thief.get("/account")
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Faccount")


def test_signing_out_with_a_lapsed_token_ends_the_session_too(http: httpx.Client) -> None:
    signed_in(http)
    form = {"_csrf_token": token(http, "/")}
    refresh = http.cookies["refresh"]
    lapse_here(http)
    assert http.post("/sign-out", data=form).status_code == 303
    http.cookies.set("refresh", refresh, domain="127.0.0.1")
    assert http.get("/account").status_code == 303


@in_a_browser
async def test_signing_out_everywhere_ends_other_windows_at_once(open_window: Open, day: dt.date) -> None:
    page, elsewhere, other = [await open_window(day, driver) for driver in (DRIVER_1, DRIVER_1, DRIVER_2)]
    await page.get_by_role("link", name=DRIVER_1).click()
    await page.get_by_role("button", name="Sign out everywhere").click()
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    # By itself: its socket is closed, and the page that it then asks for says why.
    await expect(elsewhere.get_by_label("Password")).to_be_visible()
    await expect(elsewhere.get_by_role("alert")).to_contain_text("The session is over")
    await sign_in_here(elsewhere, DRIVER_1)
    await expect(elsewhere.locator("time")).to_have_attribute("datetime", str(day))
    await expect(other.locator("#connection")).to_have_attribute("data-state", "live")


def test_a_session_that_is_over_is_asked_to_sign_in(
    http: httpx.Client, module_database: Database, day: dt.date
) -> None:
    for path, form in (("/book", {"cell": value(1, day)}), ("/complete", {"reservation": "1"})):
        signed_in(http)
        data = {"_csrf_token": token(http), "date": str(day), **form}
        module_database.psql("""
            update parking.sessions
            set revoked_at = parking.clock(), revoked_because = 'tried' where revoked_at is null""")
        answer = http.post(path, data=data)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next=%2F%3Fdate%3D{day}")
        assert not {"session", "refresh"} & set(http.cookies)
    answer = http.get("/sign-in")
    assert (answer.status_code, problem(answer)) == (200, "session-over")
    assert "session-over" not in http.get("/sign-in").text, "it is said once"


@in_a_browser
async def test_changing_the_password(open_window: Open, module_database: Database) -> None:
    module_database.psql("""
        insert into parking.people (tenant_id, email, display_name, password_hash)
        select p.tenant_id, 'changing@parking.com', 'Changing', p.password_hash
        from parking.people p where p.email = 'driver1@parking.com'""")
    page = await open_window(driver="changing@parking.com")

    async def change(old: str, new: str) -> None:
        await page.get_by_label("Present password").fill(old)
        await page.get_by_label("New password").fill(new)
        await page.get_by_role("button", name="Change it").click()

    await page.get_by_role("link", name="changing@parking.com").click()
    await change("guess", "correct horse")
    await expect(page.get_by_role("alert")).to_contain_text("Wrong password")
    await change(PASSWORD, "changing@parking.com")
    await expect(page.get_by_role("alert")).to_contain_text("too weak")
    await change(PASSWORD, "correct horse")
    await expect(page.get_by_role("status")).to_contain_text("Changed")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_role("link", name="Sign in").click()
    await sign_in_here(page, "changing@parking.com", PASSWORD)
    await expect(page.get_by_role("alert")).to_contain_text("Wrong e-mail or password")
    await sign_in_here(page, "changing@parking.com", "correct horse")
    await expect(page.get_by_role("link", name="changing@parking.com")).to_be_visible()


def test_too_many_attempts_are_said_in_words_and_seconds(http: httpx.Client) -> None:
    form = {"_csrf_token": token(http, "/sign-in"), "email": "tried@parking.com", "password": "guess"}
    answers = [http.post("/sign-in", data=form) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert problem(answers[-1]) == "too-many-attempts"
    assert int(answers[-1].headers["retry-after"]) > 0
