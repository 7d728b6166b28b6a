"""What the README shows is what happens: its SQL in psql, its curl against the service; its links lead somewhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import ROOT, Database, Service, psql, run

README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS: list[tuple[str, str]] = FENCE.findall(README)


def examples(language: str, shown: str) -> list[tuple[str, str | None]]:
    """The blocks of a language in order, each with the output that follows it, if one does."""
    followed = zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True)
    return [
        (text, output if kind == shown else None)
        for (own, text), (kind, output) in followed
        if own == language
    ]  # fmt: skip


def tidy(output: str) -> str:
    return "\n".join(line.rstrip() for line in output.strip("\n").split("\n"))


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """As `make up` starts it: it knows which lot is the garage."""
    up = (ROOT / "service" / "up").read_text(encoding="utf-8")
    garage = dict(re.findall(r"(PARKING_GARAGE_\w+)=\$\{\1-([\w@.]+)\}", up))
    assert garage.keys() == {"PARKING_GARAGE_LOT", "PARKING_GARAGE_DESK"}
    with Service(database, environ=garage) as service:
        yield service


def test_the_sql_gives_what_it_shows(database: Database) -> None:
    blocks = examples("sql", "text")
    assert len(blocks) >= 4
    for statement, promised in blocks:
        assert promised is not None, statement
        script = f"\\set SHOW_CONTEXT never\nset timezone = 'Europe/Berlin';\n{statement}"
        shown = re.sub(
            r"^psql:<stdin>:\d+: ", "", psql(database, "parking_dba", script, check=False), flags=re.MULTILINE
        )
        assert tidy(shown) == tidy(promised)


def stable(line: str) -> Any:  # noqa: ANN401 (JSON)
    """A line of JSON without what differs from day to day: the numbers of reservations, and times."""
    line = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d", "a time", line)
    line = re.sub(r"on \w+ \d+ \w+, \d\d:\d\d–\d\d:\d\d", "then", line)
    return json.loads(re.sub(r'"id":\d+,"spot_id"', '"id":0,"spot_id"', line))


def test_the_curl_examples_give_what_they_show(service: Service) -> None:
    blocks = [block for block in examples("sh", "json") if "curl" in block[0]]
    assert len(blocks) >= 4
    # One shell for all, since the first sets what the others use; a line of its own parts their outputs.
    script = "echo; echo ----\n".join(statement for statement, _ in blocks)
    shown = run("bash", "-eu", stdin=script.replace("localhost:8000", f"127.0.0.1:{service.port}")).split("----\n")
    for (statement, promised), output in zip(blocks, shown, strict=True):
        # curl ends no line.
        got = output.replace("}{", "}\n{").split("\n")
        wanted = (promised or "").split("\n")
        assert [stable(line) for line in got if line] == [stable(line) for line in wanted if line], statement


NAMED = {
    *re.findall(r"\]\((?!http)([^)#]+)\)", README),
    *re.findall(r"`((?:tests|db|service|static)/[\w./-]*)", README),
}


@pytest.mark.parametrize("target", sorted(NAMED))
def test_what_it_names_exists(target: str) -> None:
    assert (ROOT / target).exists()


def test_it_lists_every_setting() -> None:
    code = (ROOT / "service" / "settings.py").read_text(encoding="utf-8")
    for name in re.findall(r'read\.\w+\("([A-Z_]+)"', code):
        assert f"`PARKING_{name}`" in README, name
