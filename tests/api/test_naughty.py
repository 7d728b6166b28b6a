"""Strings that break programs, in each text of each route: kept as they are, or refused with 4xx, and never a 500.

The first text, parameter or header of each kind gets all of them, and each further one a string of each category:
others than the one before it, so that in sum they get all of them as well.
"""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from tests.support import Database, Service, issue_token

CATEGORIES: Final[dict[str, list[str]]] = json.loads(Path(__file__).with_name("naughty.json").read_text())
STRINGS: Final[list[str]] = [text for texts in CATEGORIES.values() for text in texts]

UNLIMITED: Final = {"PARKING_PERSON_REQUESTS": "0", "PARKING_ADDRESS_REQUESTS": "0"}

CHANGED: Final = {"email", "opening_hours", "slots", "vehicle", "plate", "licensePlate", "times", "currency"}
"""What is kept in one spelling of several: e-mails in small letters, plates without signs, hours as 08:00-12:00."""


class Choice:
    """Which strings something is tried with, by its kind."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self._turn = 0

    def of(self, kind: object, *, few: bool = False) -> list[str]:
        """All of them for the first of a kind, unless it may have but a few; then one of each category."""
        name = json.dumps(kind, sort_keys=True)
        if name not in self.kinds and not few:
            self.kinds.add(name)
            return STRINGS
        self._turn += 1
        return [texts[self._turn % len(texts)] for texts in CATEGORIES.values()]


def test_choice() -> None:
    choice = Choice()
    assert choice.of("a") == choice.of("b") == STRINGS
    rest = [choice.of("a") for _ in range(len(STRINGS))]
    assert {len(texts) for texts in rest} == {len(CATEGORIES)}
    assert {text for texts in rest for text in texts} == set(STRINGS)


def texts(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The members of a body that are text, or may be, with their schemas; also a choice of words, or a time."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]

    def is_text(member: dict[str, Any]) -> bool:
        kinds = [member, *member.get("anyOf", []), *member.get("oneOf", [])]
        return any(kind.get("type") == "string" or "enum" in kind for kind in kinds)

    return {name: member for name, member in schema.get("properties", {}).items() if is_text(member)}


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture
def admin(database: Database) -> int:
    """An administrator of the platform, who may do everything."""
    person = int(database.psql("select parking.find_person('admin@parking.com')"))
    database.psql(f"select parking.assign_role({person}, 'platform')")
    return person


async def test_no_text_breaks_a_route(database: Database, admin: int) -> None:
    with Service(database, environ=UNLIMITED) as service:
        token = issue_token(service, admin)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False, headers=headers) as client:
            document = (await client.get("/openapi.json")).json()
            choice = Choice()
            tried = kept = 0
            for path, item in document["paths"].items():
                for method, operation in item.items():
                    if "requestBody" not in operation or not path.startswith("/api/"):
                        continue
                    content = operation["requestBody"]["content"]["application/json"]
                    example = content.get("example", {})
                    address = re.sub(r"\{[^}]+\}", "1", path)
                    for name, schema in texts(document, content["schema"]).items():
                        # Much of what is about passwords costs a hash, and one address waits in one lane.
                        few = path.startswith("/api/auth/") or "password" in name
                        for text in choice.of(schema, few=few):
                            body = json.dumps(example | {name: text})
                            answer = await client.request(method, address, content=body)
                            where = f"{method} {address} {name}={text[:40]!a}: {answer.status_code} {answer.text[:300]}"
                            assert answer.status_code < 500, where
                            tried += 1
                            if not answer.is_success or not answer.content:
                                continue
                            returned = answer.json()
                            if name in returned and name not in CHANGED:
                                assert returned[name] == text, where
                                kept += 1
            # The routes were reached, and texts were kept: this is no list of refusals.
            assert len(choice.kinds) > 5
            assert tried > len(choice.kinds) * len(STRINGS) + 10 * len(CATEGORIES)
            assert kept > len(STRINGS)
            assert (await client.get("/api/auth/me")).status_code == 200
        assert "Traceback" not in service.output()


async def test_no_text_breaks_an_address(database: Database, admin: int) -> None:
    with Service(database, environ=UNLIMITED) as service:
        headers = {"Authorization": f"Bearer {issue_token(service, admin)}"}
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False, headers=headers) as client:
            document = (await client.get("/openapi.json")).json()
            choice = Choice()

            async def ask(address: str, text: str) -> None:
                raw = quote(text.encode(errors="surrogatepass"), safe="")
                answer = await client.get(address.replace("@", raw))
                assert answer.status_code < 500, f"{address} {text[:40]!a}: {answer.text[:300]}"
                if answer.headers.get("content-type", "").startswith("text/html") and re.search(r"..[<>\"]", text):
                    assert text not in answer.text

            for path, item in document["paths"].items():
                for parameter in item.get("get", {}).get("parameters", []):
                    name, place = parameter["name"], parameter["in"]
                    one = re.sub(r"\{[^}]+\}", "1", path)
                    address = re.sub(r"\{[^}]+\}", "@", path) if place == "path" else f"{one}?{name}=@"
                    if place in {"path", "query"}:
                        for text in choice.of((place, parameter["schema"])):
                            await ask(address, text)
            for address in ("/problems/@", "/@", "/?lot=@", "/?date=@", "/sign-in?next=@"):
                for text in STRINGS:
                    await ask(address, text)
            assert len(choice.kinds) > 5
        assert "Traceback" not in service.output()


async def test_no_text_breaks_a_header(database: Database, admin: int) -> None:
    names = ["User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Cookie", "Content-Type"]
    names += ["If-None-Match", "If-Match", "Origin", "Referer", "X-Forwarded-For", "X-Request-Id", "Idempotency-Key"]
    names += ["HX-Request", "Sec-Fetch-Site", "Prefer", "Traceparent", "Expect"]
    with Service(database, environ=UNLIMITED) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
            choice = Choice()
            for path, name in product(("/spots", "/", "/nothing"), names):
                for text in filter(encodable, choice.of(name)):
                    value = re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", text.encode()).strip()
                    answer = await client.get(path, headers={name.encode(): value})
                    assert answer.status_code < 500, f"{path} {name}: {value[:40]!r} {answer.text[:300]}"
        assert "Traceback" not in service.output()
