"""Bring the catalogues up to date: `python -m service.locale` adds what is new to each, and takes out what is not said
any more. The tests fail while a translation is missing; nothing has to be compiled.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from service.pages.language import LOCALE_FOLDER
from service.problems import TRANSPORT

ROOT: Final = Path(__file__).parent.parent.parent
PROBLEMS: Final = ROOT / "db" / "deploy" / "context.sql"
KEYWORDS: Final[dict[str, Any]] = {"_": None, "gettext": None, "ngettext": (1, 2)}

# What the database says in one word, and a template passes to `_()`: types of spots, states of cells, roles.
WORDS: Final = (
    *("regular", "handicap", "compact", "ev"),
    *("available", "booked", "yours", "past", "maintenance"),
    *("driver", "attendant", "operator", "admin", "guest", "platform"),
)

# A row of parking.problems(): slug, status, title, remedy, meaning.
PROBLEM: Final = re.compile(r"\('[a-z-]+', [45][0-9]{2}, '((?:[^']|'')+)', '((?:[^']|'')+)',\s*'((?:[^']|'')+)'\)")


class Found(NamedTuple):
    """A message, or its forms for one and for many, and the file that says it."""

    message: str | tuple[str, str]
    file: str


def problems_of(source: str) -> Iterator[str]:
    """The titles, remedies and meanings in the text of parking.problems()."""
    for texts in PROBLEM.findall(source):
        yield from (text.replace("''", "'") for text in texts)


def said() -> Iterator[Found]:
    """Everything that a page may say: in templates, in Python, and of problems."""
    for folder, pattern, method in (
        (ROOT / "service", "*.py", "python"),
        (ROOT / "service" / "templates", "*.html", "jinja2.ext:babel_extract"),
    ):
        for path in sorted(folder.rglob(pattern)):
            with path.open("rb") as file:
                for _line, message, _comments, _context in extract(
                    method, file, KEYWORDS, options={"silent": "false", "newstyle_gettext": "true"}
                ):
                    yield Found(message if isinstance(message, str) else (message[0], message[1]), _name(path))
    for kind in TRANSPORT.values():
        for text in (kind.title, kind.detail, kind.remedy):
            yield Found(text, "service/problems.py")
    for text in problems_of(PROBLEMS.read_text(encoding="utf-8")):
        yield Found(text, _name(PROBLEMS))
    for word in WORDS:
        yield Found(word, "service/locale/__main__.py")


def template() -> Catalog:
    """All messages, in the order of their files."""
    catalogue = Catalog(project="smart-parking", charset="utf-8", fuzzy=False)
    for found in said():
        catalogue.add(found.message, locations=[(found.file, 1)])
    return catalogue


def read(path: Path) -> Catalog:
    """A catalogue as translators have written it."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name, abort_invalid=True)


def catalogues() -> list[Path]:
    """All that there are."""
    return sorted(LOCALE_FOLDER.glob("*/LC_MESSAGES/page.po"))


def main() -> int:
    """Update every catalogue; how many messages wait for a translation is said, and is the exit status."""
    missing = 0
    for path in catalogues():
        catalogue = read(path)
        catalogue.update(template(), no_fuzzy_matching=True, update_header_comment=False, update_creation_date=False)
        catalogue.obsolete.clear()
        catalogue.project, catalogue.version = "Smart Parking", "1"
        catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
        waiting = sum(not message.string or not all(message.string) for message in catalogue if message.id)
        with path.open("wb") as file:
            write_po(file, catalogue, width=100, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
        sys.stdout.write(f"{_name(path)}: {len(catalogue)} messages, {waiting} of them without a translation\n")
        missing += waiting
    return min(missing, 1)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main())
