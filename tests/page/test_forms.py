"""What the page's addresses answer to forms and links that no button of the page would send, and to other sites."""

import datetime as dt
import re
from html import unescape
from urllib.parse import urlencode

import httpx
import pytest

from service.problems import TRANSPORT
from tests.page.board import bookings, value
from tests.support import DRIVER_1, PASSWORD, Database, Service


def token(http: httpx.Client, address: str = "/") -> str:
    """The CSRF token that the page at this address puts into its forms."""
    found = re.search(r'name="_csrf_token" value="([^"]+)"', http.get(address).text)
    assert found
    return unescape(found[1])


def signed_in(http: httpx.Client) -> httpx.Client:
    answer = http.post(
        "/sign-in", data={"_csrf_token": token(http, "/sign-in"), "email": DRIVER_1, "password": PASSWORD}
    )
    assert answer.status_code == 303
    return http


def problem(answer: httpx.Response) -> str:
    """The problem that an HTML answer is about."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    found = re.search(r'data-problem="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("/?date=2026-12-24&lot=1", "/?date=2026-12-24&lot=1"),
        ("/problems/spot-taken", "/problems/spot-taken"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example/", "/"),
        ("/\t/elsewhere.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_back_on_this_site_only(http: httpx.Client, target: str, reached: str) -> None:
    form = {"_csrf_token": token(http, "/sign-in"), "next": target}
    answer = http.post("/sign-in", data={**form, "email": DRIVER_1, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, reached)
    assert http.get("/sign-in", params={"next": target}).headers["location"] == reached
    answer = http.post("/sign-out", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, reached)
    assert "session" not in http.cookies


@pytest.mark.parametrize("secure", [False, True])
def test_the_session_is_a_cookie_that_no_script_reads(module_database: Database, secure: bool) -> None:
    environ = {"PARKING_SECURE_COOKIES": str(secure).lower(), "PARKING_TOKEN_SECONDS": "1234"}
    with Service(module_database, environ=environ) as service:
        answer = httpx.get(f"{service.url}/sign-in", trust_env=False)
        cookies = {"csrf": answer.cookies["csrf"]}
        form = {"_csrf_token": cookies["csrf"], "email": DRIVER_1, "password": PASSWORD}
        answer = httpx.post(f"{service.url}/sign-in", data=form, cookies=cookies, trust_env=False)
    (cookie,) = (line for line in answer.headers.get_list("set-cookie") if line.startswith("session="))
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert flags >= {"httponly", "samesite=lax", "path=/", "max-age=1234"}
    assert ("secure" in flags) is secure


@pytest.mark.parametrize("email", [DRIVER_1, "nobody@parking.com", "", "x" * 10_000])
def test_wrong_credentials_are_all_the_same(http: httpx.Client, email: str) -> None:
    form = {"_csrf_token": token(http, "/sign-in"), "email": email, "password": "wrong"}
    answer = http.post("/sign-in", data=form)
    assert (answer.status_code, problem(answer)) == (401, "wrong-credentials")
    assert "session" not in http.cookies


def test_a_form_without_a_token_changes_nothing(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    signed_in(http)
    form = {"date": str(day), "cell": value(1, day)}
    for data in (form, {**form, "_csrf_token": "0" * 128}):
        answer = http.post("/book", data=data)
        assert (answer.status_code, problem(answer)) == (403, "not-allowed")
        http.get("/")
    answer = http.post("/book", data=form, headers={"HX-Request": "true"})
    assert answer.status_code == 403
    assert answer.text.startswith('<div class="messages" id="messages"')
    assert answer.headers["hx-retarget"] == "#messages"
    assert bookings(module_database, 1, day) == []


def test_a_token_of_a_former_secret_is_replaced(http: httpx.Client) -> None:
    """Litestar leaves the cookie as it is; without the page's help no form would ever work again in that browser."""
    http.cookies.set("csrf", "0" * 128, domain="127.0.0.1")
    assert http.post("/sign-out", data={"_csrf_token": token(http, "/sign-in")}).status_code == 403
    assert http.post("/sign-out", data={"_csrf_token": token(http, "/sign-in")}).status_code == 303


def test_whoever_is_not_signed_in_is_asked_to(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    data = {"_csrf_token": token(http), "date": str(day), "cell": value(1, day)}
    wanted = f"/sign-in?next=%2F%3Fdate%3D{day}"
    answer = http.post("/book", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    answer = http.post("/book", data=data, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, wanted)
    del data["cell"]
    answer = http.post("/complete", data={**data, "reservation": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    http.cookies.set("session", "eyJhbGciOiJub25lIn0.e30.", domain="127.0.0.1")
    assert http.post("/complete", data={**data, "reservation": "1"}).headers["location"] == wanted
    assert bookings(module_database, 1, day) == []


@pytest.mark.parametrize(
    "change",
    [
        {"cell": "1"},
        {"cell": "1-2-3-4"},
        {"cell": "1-2-x"},
        {"cell": "-1-2-3"},
        {"cell": "1" * 19 + "-2-3"},
        {"cell": "1-2-" + "9" * 12},
        {"cell": "١-2-3"},
        {"date": "24.12.2026"},
        {"date": ""},
        {"lot": "first"},
        {"lot": str(2**63)},
        {"lot": "0"},
        {"another": "field"},
    ],
)
def test_a_form_that_no_page_sends_is_refused(http: httpx.Client, day: dt.date, change: dict[str, str]) -> None:
    data = {"_csrf_token": token(signed_in(http)), "date": str(day), "cell": value(1, day), **change}
    answer = http.post("/book", data=data)
    assert (answer.status_code, problem(answer)) == (400, "invalid-request")


@pytest.mark.parametrize(
    ("cell", "status", "slug"),
    [
        ("999999-1795158000-1795172400", 404, "unknown-spot"),
        ("1-1795172400-1795158000", 422, "period-backwards"),
        ("1-0-14400", 422, "period-over"),
        ("1-99999996400-99999999999", 422, "period-too-far"),
    ],
)
def test_the_rules_refusals_come_with_the_board(
    http: httpx.Client, day: dt.date, cell: str, status: int, slug: str
) -> None:
    data = {"_csrf_token": token(signed_in(http)), "date": str(day), "cell": cell}
    answer = http.post("/book", data=data)
    assert (answer.status_code, problem(answer)) == (status, slug)
    assert answer.text.count('class="cell"') == 15


def test_a_closed_lot_says_when_it_is_open(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    """To a window that was opened while the lot still was."""
    data = {"_csrf_token": token(signed_in(http)), "date": str(day), "cell": value(1, day)}
    operator = "parking.find_person('operator@parking.com')"
    change = f"select id from parking.change_lot({operator}, 1, opening_hours => '{{}}')"
    module_database.psql(change.format("12:00-20:00"), role="parking_dba")
    try:
        answer = http.post("/book", data=data)
    finally:
        module_database.psql(change.format("24/7"), role="parking_dba")
    assert (answer.status_code, problem(answer)) == (422, "lot-closed")
    assert "open 12:00–20:00" in unescape(answer.text)
    assert answer.text.count('class="cell"') == 10, (
        "the board that comes with it has only the slots in which it is open"
    )
    assert bookings(module_database, 1, day) == []


@pytest.mark.parametrize(
    ("address", "status", "slug"),
    [
        ("/?date=today", 400, "invalid-request"),
        ("/?date=2026-02-30", 400, "invalid-request"),
        ("/?lot=x", 400, "invalid-request"),
        ("/?date=2026-12-24&date=2026-12-25", 400, "invalid-request"),
        (f"/?lot={2**63}", 400, "invalid-request"),
        ("/?lot=999", 404, "unknown-lot"),
        ("/?date=1999-12-31", 422, "day-out-of-range"),
        ("/?date=0001-01-01", 422, "day-out-of-range"),
        ("/?date=9999-12-31", 422, "day-out-of-range"),
        ("/problems/nonsense", 404, "not-found"),
    ],
)
def test_an_address_that_leads_nowhere_says_so_in_html(
    http: httpx.Client, address: str, status: int, slug: str
) -> None:
    answer = http.get(address)
    assert (answer.status_code, problem(answer)) == (status, slug)


def test_the_last_days_of_the_calendar(http: httpx.Client) -> None:
    for day in ("2000-01-01", "2199-12-31"):
        assert http.get("/", params={"date": day}).status_code == 200


def test_another_lot_is_kept_in_every_link(http: httpx.Client, module_database: Database) -> None:
    lot = module_database.psql("""
        insert into parking.lots (tenant_id, name, time_zone)
        select t.id, 'Empty', 'Asia/Tokyo' from parking.tenants t where t.slug = 'default' returning id
    """).split()[0]
    page = http.get("/", params={"lot": lot, "date": "2026-12-24"})
    assert page.status_code == 200
    assert "<bdi>Empty</bdi>" in page.text
    assert 'class="cell"' not in page.text
    here = f"/?date=2026-12-24&lot={lot}"
    for link in (
        f'href="/?date=2026-12-23&amp;lot={lot}"',
        f'href="/?date=2026-12-25&amp;lot={lot}"',
        f'href="/sign-in?{urlencode({"next": here})}"',
        f'<input type="hidden" name="lot" value="{lot}">',
        f'hx-ws:connect="/ws/board?lot={lot}&amp;date=2026-12-24"',
    ):
        assert link in page.text


def test_every_problem_is_explained(http: httpx.Client, module_database: Database) -> None:
    rows = module_database.psql("select slug, title, meaning, remedy from parking.problems()").splitlines()
    known = {row.split("|")[0]: row.split("|")[1:] for row in rows}
    known |= {slug: [kind.title, kind.detail, kind.remedy] for slug, kind in TRANSPORT.items()}
    assert len(known) > 100
    everything = unescape(http.get("/problems/").text)
    for slug, (title, meaning, remedy) in known.items():
        answer = http.get(f"/problems/{slug}")
        assert answer.status_code == 200
        assert problem(answer) == slug
        assert f"<h1>{title}</h1>\n<p>{meaning}</p>\n<p>{remedy}</p>" in unescape(answer.text)
        assert f"<strong>{title}</strong>. {meaning} {remedy}" in everything
    german = http.get("/problems/spot-taken", headers={"Accept-Language": "de"}).text
    assert "Jemand hat den Stellplatz für einen Teil dieser Zeit gebucht." in german


def test_hostile_names_stay_text(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    """Names come from whoever runs a lot; the browser test of the same looks at what Chromium makes of them."""
    hostile = """<script>alert(1)</script>"' onmouseover=alert(1) </table>"""
    quoted = hostile.replace("'", "''")
    before = module_database.psql("select name from parking.spots where id = 1")
    module_database.psql(f"update parking.spots set name = '{quoted}' where id = 1")
    try:
        page = http.get("/", params={"date": str(day)}).text
    finally:
        module_database.psql(f"update parking.spots set name = '{before}' where id = 1")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39; onmouseover" in page
    assert hostile in unescape(page)


def test_nothing_inline_and_nothing_from_elsewhere(http: httpx.Client, day: dt.date) -> None:
    for address in (f"/?date={day}", "/sign-in", "/problems/spot-taken", "/?lot=x"):
        answer = http.get(address)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", answer.text))
        links = re.findall(r'(?:src|href|action|hx-post|hx-ws:connect)="([^"]*)"', answer.text)
        assert links
        assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in links)


def test_assets_are_kept_for_ever_under_a_name_that_changes_with_them(http: httpx.Client) -> None:
    addresses = set(re.findall(r'"(/static/[^"]+)"', http.get("/").text))
    assert {address.rpartition("/")[2] for address in addresses} == {
        "favicon.svg",
        "icon-apple-180.png",
        "page.css",
        "page.js",
        "htmx.min.js",
        "hx-ws.min.js",
    }
    for address in addresses:
        assert re.match(r"/static/[0-9a-f]{12}/", address)
        answer = http.get(address)
        assert answer.status_code == 200
        caching = {part.strip() for part in answer.headers["cache-control"].split(",")}
        assert caching == {"public", "max-age=31536000", "immutable"}
        assert re.match(r"text/css|(text|application)/javascript|image/(svg|png)", answer.headers["content-type"])


def test_a_first_visit_is_small(http: httpx.Client) -> None:
    """What a browser asks for on the first visit, as it comes over the wire: 60 kB at most, nothing of it elsewhere."""
    size = 0
    for address in ("/", *re.findall(r'(?:src|href)="(/static/[^"]+)"', http.get("/").text)):
        with http.stream("GET", address, headers={"Accept-Encoding": "gzip", "Sec-Fetch-Site": "none"}) as answer:
            size += sum(len(part) for part in answer.iter_raw())
            assert address.endswith((".png", ".svg")) or answer.headers["content-encoding"] == "gzip"
    assert size <= 60_000


def test_the_database_away(module_database: Database, day: dt.date) -> None:
    environ = {"PARKING_DATABASE_URL": "postgresql://parking_service@/parking?host=/nowhere"}
    with Service(module_database, environ=environ) as service:
        answer = httpx.get(f"{service.url}/?date={day}", trust_env=False)
        assert (answer.status_code, problem(answer)) == (503, "database-unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert httpx.get(f"{service.url}/problems/database-unavailable", trust_env=False).status_code == 200
