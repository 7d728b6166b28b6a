"""English and German: nothing is missing, whoever asks for German gets it, and whoever has chosen keeps it."""

import datetime as dt
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Catalog
from playwright.async_api import expect

from service.locale.__main__ import WORDS, catalogues, read, template
from service.pages.language import choose, gettext, speaking, spoken
from service.problems import TRANSPORT
from tests.page.board import book, value
from tests.page.conftest import Open
from tests.page.test_forms import problem, signed_in, token
from tests.support import DRIVER_2, Database

in_a_browser = pytest.mark.asyncio(loop_scope="session")
GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
PLACEHOLDER = re.compile(r"%\([a-z_]+\)[sd]|%[^%(]")


def faults(catalogue: Catalog, wanted: Catalog) -> Iterator[str]:
    """What is wrong with a translation of these messages."""
    for message in wanted:
        if not message.id:
            continue
        found = catalogue.get(message.id)
        if found is None:
            yield f"missing: {message.id}"
            continue
        asked = [message.id] if isinstance(message.id, str) else list(message.id)
        given = [found.string] if isinstance(found.string, str) else list(found.string or ())
        if not given or not all(given):
            yield f"not translated: {message.id}"
        elif found.fuzzy:
            yield f"fuzzy: {message.id}"
        elif any(sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(asked[-1])) for text in given):
            yield f"other placeholders: {message.id}"
    for message in catalogue:
        if message.id and wanted.get(message.id) is None:
            yield f"said nowhere: {message.id}"
    yield from (f"obsolete: {message}" for message in catalogue.obsolete)


def test_there_is_a_catalogue_of_german() -> None:
    assert [path.parent.parent.name for path in catalogues()] == ["de"]
    assert len(template()) > 200


@pytest.mark.parametrize("path", catalogues(), ids=lambda path: path.parent.parent.name)
def test_every_message_is_translated(path: Path) -> None:
    assert list(faults(read(path), template())) == []


def test_what_is_wrong_with_a_translation_is_found() -> None:
    """The negative control of the test above."""
    (path,) = catalogues()
    catalogue, wanted = read(path), template()
    catalogue.delete("Sign in")
    catalogue["Sign out"].string = ""
    catalogue["times in %(zone)s"].string = "Zeiten in %(ort)s"
    catalogue["Pass"].flags.add("fuzzy")
    catalogue.add("Nobody says this", "Das sagt niemand")
    assert sorted(faults(catalogue, wanted)) == [
        "fuzzy: Pass",
        "missing: Sign in",
        "not translated: Sign out",
        "other placeholders: times in %(zone)s",
        "said nowhere: Nobody says this",
    ]


def test_every_problem_has_words_in_german(module_database: Database) -> None:
    """The database's own list is what counts, and not how its source is read."""
    rows = module_database.psql("select title, remedy, meaning from parking.problems()").splitlines()
    texts = {text for row in rows for text in row.split("|")}
    texts |= {text for kind in TRANSPORT.values() for text in (kind.title, kind.detail, kind.remedy)}
    assert len(texts) > 100
    (path,) = catalogues()
    catalogue = read(path)
    assert {text for text in texts if not (found := catalogue.get(text)) or not found.string} == set()
    assert not any("%" in text for text in texts), "a template would take it for a placeholder"


def test_every_word_of_the_database_has_one_in_german(module_database: Database) -> None:
    roles = set(module_database.psql("select role from parking.list_roles()").split())
    checks = module_database.psql("""
        select pg_get_constraintdef(c.oid) from pg_constraint c
        where c.conrelid = 'parking.spots'::regclass and pg_get_constraintdef(c.oid) like '%(type = ANY%'""")
    types = set(re.findall(r"'([a-z]+)'::text", checks))
    assert len(types) == 4
    assert roles | types <= set(WORDS)


@pytest.mark.parametrize(
    ("wanted", "chosen", "spoken"),
    [
        ("", "", "en-GB"),
        ("de", "", "de"),
        ("de-AT,en;q=0.5", "", "de"),
        ("fr,de;q=0.1", "", "de"),
        ("en-US,de;q=0.5", "", "en-US"),
        ("de;q=0", "", "en-GB"),
        ("de", "en", "en-GB"),
        ("de,en-US;q=0.5", "en", "en-US"),
        ("en-US", "de", "de"),
        ("", "de", "de"),
        ("de", "../../etc", "de"),
        ("en-US", "fr", "en-US"),
        ("x" * 5000, "de", "de"),
    ],
)
def test_who_is_spoken_to_how(http: httpx.Client, wanted: str, chosen: str, spoken: str) -> None:
    headers = {"Accept-Language": wanted} | ({"Cookie": f"language={chosen}"} if chosen else {})
    assert f'<html lang="{spoken}"' in http.get("/sign-in", headers=headers).text
    if not chosen:
        assert choose(wanted) == spoken


def test_a_refusal_in_german_is_title_and_remedy(http: httpx.Client, module_database: Database, day: dt.date) -> None:
    """What the rules say this time is in English, so it stays away."""
    data = {"_csrf_token": token(signed_in(http)), "date": str(day), "cell": value(1, day)}
    book(module_database, 1, day, driver=DRIVER_2)
    english, german = http.post("/book", data=data), http.post("/book", data=data, headers=GERMAN)
    for answer in (english, german):
        assert (answer.status_code, problem(answer)) == (409, "spot-taken")
    assert "is already taken on" in unescape(english.text)
    assert "is already taken on" not in unescape(german.text)
    assert "Der Stellplatz ist vergeben" in german.text
    assert "Wählen Sie einen anderen Stellplatz" in german.text
    page = http.get("/problems/unknown-lot", headers=GERMAN).text
    assert "Diesen Parkplatz gibt es nicht" in page


def test_dates_and_times_are_written_as_the_reader_writes_them(
    http: httpx.Client, module_database: Database, day: dt.date
) -> None:
    signed_in(http)
    reservation = book(module_database, 3, day, hour=12)
    shown = {}
    for language in ("en-GB", "en-US", "de"):
        page = http.get("/bookings", headers={"Accept-Language": language}).text
        found = re.search(rf'id="stay-{reservation}".*?<time[^>]*>([^<]*)', page, re.DOTALL)
        assert found
        shown[language] = unescape(found[1]).replace("\u202f", " ").replace("\u00a0", " ")
    assert shown["en-GB"].endswith("12:00 – 16:00")
    assert shown["en-US"].endswith("12:00 PM – 4:00 PM")
    assert re.match(r"(Mo|Di|Mi|Do|Fr|Sa|So)\., [0-9]{1,2}\. .* 12:00 – 16:00", shown["de"])


@in_a_browser
@pytest.mark.parametrize("javascript", [True, False])
async def test_the_switch_keeps_what_one_has_chosen_and_where_one_is(
    open_window: Open, day: dt.date, javascript: bool
) -> None:
    page = await open_window(day, javascript=javascript)
    await page.get_by_role("button", name="Deutsch").click()
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await expect(page.locator("time")).to_have_attribute("datetime", str(day))
    await expect(page.get_by_role("button", name="Deutsch")).to_have_attribute("aria-current", "true")
    await page.get_by_role("link", name="Anmelden").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Anmelden")
    await page.get_by_label("E-Mail-Adresse").fill("niemand@parking.com")
    await page.get_by_label("Passwort", exact=True).fill("falsch")
    await page.get_by_role("button", name="Anmelden").click()
    await expect(page.get_by_role("alert")).to_contain_text("E-Mail-Adresse oder Passwort falsch")
    # Where the form was to lead is not lost by what is chosen below it.
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await expect(page.locator("input[name=next]").last).to_have_value(re.compile("sign-in"))
    assert await page.locator("form.card input[name=next]").input_value() == f"/?date={day}"


@pytest.mark.parametrize("target", ["//elsewhere.example/", "https://elsewhere.example", "/\\elsewhere.example", "x"])
def test_the_switch_leads_nowhere_else(http: httpx.Client, target: str) -> None:
    data = {"_csrf_token": token(http), "language": "de", "next": target}
    answer = http.post("/language", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    (cookie,) = (line for line in answer.headers.get_list("set-cookie") if line.startswith("language="))
    flags = {part.strip().lower() for part in cookie.split(";")}
    assert flags >= {"language=de", "httponly", "samesite=lax", "path=/"}
    assert http.post("/language", data={**data, "language": "fr"}).status_code == 400
    assert http.post("/language", data={**data, "_csrf_token": "0"}).status_code == 403


def test_a_block_speaks_its_own_language() -> None:
    before = spoken()
    with speaking("de"):
        assert gettext("Sign in") == "Anmelden"
    assert spoken() == before
    assert gettext("Sign in") == "Sign in"
