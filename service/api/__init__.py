"""The JSON interface. What the specification has at the root answers there and under /api, the rest under /api only."""

from __future__ import annotations

from litestar import Router

from service.api import lots
from service.api.reservations import book_spot, complete_reservation, find_reservation
from service.api.sessions import sign_in
from service.api.spots import list_spots
from service.api.stats import show_stats
from service.edge import require_plain_query

HANDLERS = [sign_in, list_spots, book_spot, find_reservation, complete_reservation, show_stats]


# These live under /api only.
RESOURCES = [*lots.HANDLERS]


def router(path: str) -> Router:
    """The handlers at this path. No cookie counts here, so there is nothing for a CSRF token to protect."""
    handlers = [*HANDLERS, *RESOURCES] if path == "/api" else HANDLERS
    return Router(path, route_handlers=handlers, before_request=require_plain_query, opt={"exclude_from_csrf": True})
