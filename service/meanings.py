"""What each problem means: those that the rules know, and those of the transport, told alike."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from msgspec import Struct

from service.database import Database
from service.problems import TRANSPORT, Problem

PROBLEMS: Final = "select p.slug, p.status, p.title, p.meaning, p.remedy from parking.problems() p"


class Meaning(Struct, frozen=True):
    """What all occurrences of a problem have in common. `type` is that of its documents: the address of a page."""

    type: str
    status: int
    title: str
    meaning: str
    remedy: str

    @property
    def slug(self) -> str:
        """The last part of the type."""
        return self.type.rpartition("/")[2]


OF_THE_TRANSPORT: Final = {slug: Meaning(f"/problems/{slug}", *kind) for slug, kind in TRANSPORT.items()}


async def meanings(database: Database) -> list[Meaning]:
    """All that there are, by their status."""
    rows = await database.rows(PROBLEMS, pool="public")
    known = {row["slug"]: Meaning(f"/problems/{row['slug']}", *tuple(row)[1:]) for row in rows} | OF_THE_TRANSPORT
    return sorted(known.values(), key=attrgetter("status", "type"))


async def meaning_of(slug: str, database: Database) -> Meaning:
    """Of one problem, or the problem not-found. What is wrong with the database is explained without it."""
    if slug in OF_THE_TRANSPORT:
        return OF_THE_TRANSPORT[slug]
    known = {meaning.slug: meaning for meaning in await meanings(database)}
    if slug not in known:
        raise Problem.of("not-found")
    return known[slug]
