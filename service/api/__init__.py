"""The JSON interface. The same handlers answer at the root, as the specification has it, and under /api."""

from __future__ import annotations

from litestar import Router

from service.api.reservations import book_spot, complete_reservation, find_reservation
from service.api.sessions import sign_in
from service.api.spots import list_spots
from service.api.stats import show_stats
from service.edge import require_plain_query

HANDLERS = [sign_in, list_spots, book_spot, find_reservation, complete_reservation, show_stats]


def router(path: str) -> Router:
    """The handlers at this path. No cookie counts here, so there is nothing for a CSRF token to protect."""
    return Router(path, route_handlers=HANDLERS, before_request=require_plain_query, opt={"exclude_from_csrf": True})
