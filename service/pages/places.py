"""Where somebody looks: a lot, a day, and which part of it; what an address says of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar.params import QueryParameter
from msgspec import Meta, Struct, field

from service.pages.answers import Form, Id

SpotType = Literal["regular", "handicap", "compact", "ev"]
Part = Annotated[int, Meta(ge=1, le=2**31 - 1)]

Floors = Annotated[int | None, QueryParameter(name="floor", ge=1, le=2**63 - 1)]
Rows = Annotated[int | None, QueryParameter(name="row", ge=1, le=2**63 - 1)]
Parts = Annotated[int | None, QueryParameter(name="part", ge=1, le=2**31 - 1)]
Types = Annotated[SpotType | None, QueryParameter(name="type")]


class View(Struct, frozen=True):
    """Which part of a lot: a floor, a row, a part of a long row, a type of spots; None is all of them."""

    floor: int | None = None
    row: int | None = None
    part: int | None = None
    type: SpotType | None = None


class Place(Struct, frozen=True):
    """Which board somebody looks at. `lot` is None for the configured one, so that addresses stay short."""

    day: date | None = None
    lot: int | None = None
    view: View = View()

    @property
    def fields(self) -> dict[str, Any]:
        """What tells this place from the page that has no address but `/`, in forms and addresses alike."""
        given = {"date": self.day, "lot": self.lot, **msgspec.structs.asdict(self.view)}
        return {name: value for name, value in given.items() if value is not None}

    def url(self, path: str = "/") -> str:
        return f"{path}?{urlencode(self.fields)}" if self.fields else path

    def on(self, day: date | None) -> Place:
        """The same on another day."""
        return msgspec.structs.replace(self, day=day)

    def in_lot(self, lot: int) -> Place:
        """The same with the lot's number, for whoever does not know which one is configured."""
        return msgspec.structs.replace(self, lot=lot)

    def at(self, **change: object) -> Place:
        """Another part of the same lot."""
        return msgspec.structs.replace(self, view=msgspec.structs.replace(self.view, **change))


class PlaceForm(Form, kw_only=True):
    """A form on a board, which is answered with that board again."""

    day: date = field(name="date")
    lot: Id | None = None
    floor: Id | None = None
    row: Id | None = None
    part: Part | None = None
    type: SpotType | None = None

    @property
    def place(self) -> Place:
        return Place(self.day, self.lot, View(self.floor, self.row, self.part, self.type))
