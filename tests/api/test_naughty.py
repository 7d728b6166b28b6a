"""Strings that break programs, in each text of each route: kept as they are, or refused with 4xx, and never a 500."""

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from tests.support import Database, Service, issue_token

STRINGS: Final[list[str]] = json.loads(Path(__file__).with_name("naughty.json").read_text())

UNLIMITED: Final = {"PARKING_PERSON_REQUESTS": "0", "PARKING_ADDRESS_REQUESTS": "0"}

CHANGED: Final = {"email", "opening_hours", "slots"}
"""What is kept in one spelling of several: e-mails in small letters, hours as 08:00-12:00."""


def texts(document: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """The members of a body that are text, or may be; also those that are a choice of words, or a time."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]

    def is_text(member: dict[str, Any]) -> bool:
        kinds = [member, *member.get("anyOf", []), *member.get("oneOf", [])]
        return any(kind.get("type") == "string" or "enum" in kind for kind in kinds)

    return [name for name, member in schema.get("properties", {}).items() if is_text(member)]


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
            tried = kept = 0
            for path, item in document["paths"].items():
                for method, operation in item.items():
                    if "requestBody" not in operation or not path.startswith("/api/"):
                        continue
                    content = operation["requestBody"]["content"]["application/json"]
                    example = content.get("example", {})
                    address = re.sub(r"\{[^}]+\}", "1", path)
                    for name in texts(document, content["schema"]):
                        # Much of what is about passwords costs a hash, and one address waits in one lane.
                        for text in STRINGS[::5] if path.startswith("/api/auth/") else STRINGS:
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
            assert tried > 15 * len(STRINGS)
            assert kept > len(STRINGS)
            assert (await client.get("/api/auth/me")).status_code == 200
        assert "Traceback" not in service.output()


async def test_no_text_breaks_an_address(database: Database, admin: int) -> None:
    with Service(database, environ=UNLIMITED) as service:
        headers = {"Authorization": f"Bearer {issue_token(service, admin)}"}
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False, headers=headers) as client:
            document = (await client.get("/openapi.json")).json()
            gets = {path: item["get"] for path, item in document["paths"].items() if "get" in item}
            for text in STRINGS:
                raw = quote(text.encode(errors="surrogatepass"), safe="")
                for path, operation in gets.items():
                    asked = [re.sub(r"\{[^}]+\}", raw, path)] if "{" in path else []
                    names = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"]
                    asked += [f"{re.sub(r'{[^}]+}', '1', path)}?{name}={raw}" for name in names]
                    for address in asked:
                        answer = await client.get(address)
                        assert answer.status_code < 500, f"{address[:100]}: {answer.text[:300]}"
                for path in (f"/problems/{raw}", f"/{raw}", f"/?lot={raw}", f"/?date={raw}", f"/sign-in?next={raw}"):
                    answer = await client.get(path)
                    assert answer.status_code < 500, path[:100]
                    if answer.headers["content-type"].startswith("text/html") and re.search(r"..[<>\"]", text):
                        assert text not in answer.text
        assert "Traceback" not in service.output()


async def test_no_text_breaks_a_header(database: Database, admin: int) -> None:
    names = ["User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Cookie", "Content-Type"]
    names += ["If-None-Match", "If-Match", "Origin", "Referer", "X-Forwarded-For", "X-Request-Id", "Idempotency-Key"]
    names += ["HX-Request", "Sec-Fetch-Site", "Prefer", "Traceparent", "Expect"]
    with Service(database, environ=UNLIMITED) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
            for text in filter(encodable, STRINGS):
                value = re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", text.encode()).strip()
                for name in names:
                    for path in ("/spots", "/", "/nothing"):
                        answer = await client.get(path, headers={name.encode(): value})
                        assert answer.status_code < 500, f"{path} {name}: {value[:40]!r} {answer.text[:300]}"
        assert "Traceback" not in service.output()
