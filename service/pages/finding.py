"""Which lot: a search by name or address, without JavaScript as well."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from service.auth import address_of
from service.database import Database
from service.pages.answers import AnyRequest, AnyResponse, Caller, Days, page
from service.pages.places import Place
from service.settings import Settings

MOST_LOTS = 50


@get("/lots")
async def find_lots(  # noqa: PLR0917 (Litestar gives them by name)
    request: AnyRequest,
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    caller: Caller,
    search: Annotated[str, QueryParameter(name="search", max_length=200)] = "",
    day: Days = None,
) -> AnyResponse:
    """The lots that the reader may see and whose name or address has these words, with what is free there now."""
    lots = await database.rows(
        """
        select l.id, l.name, l.address, l.floors, l.spots, l.free, l.open
        from parking.session($1, $2) s cross join lateral parking.find_lots($3, $4, s.actor, $5) l
        """,
        caller and caller.session,
        address_of(request),
        search,
        settings.tenant,
        MOST_LOTS,
        pool="public",
    )
    return page(
        request,
        "lots.html",
        here=Place(day).url("/lots"),
        search=search,
        day=day,
        lots=[(lot, Place(day, lot["id"]).url()) for lot in lots],
        most=MOST_LOTS,
    )


handlers = [find_lots]
