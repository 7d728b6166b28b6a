"""The JSON interface. The same handlers answer at the root, as the specification has it, and under /api."""

from __future__ import annotations

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from service.api.reservations import book_spot, complete_reservation, find_reservation
from service.api.sessions import (
    change_password,
    refresh,
    register,
    show_account,
    sign_in,
    sign_out,
    sign_out_everywhere,
)
from service.api.spots import list_spots
from service.api.stats import show_stats
from service.edge import require_plain_query

HANDLERS: list[HTTPRouteHandler] = [sign_in, list_spots, book_spot, find_reservation, complete_reservation, show_stats]


AUTH_HANDLERS: list[HTTPRouteHandler] = [
    register,
    sign_in,
    refresh,
    sign_out,
    sign_out_everywhere,
    show_account,
    change_password,
]


def router(path: str) -> Router:
    """The handlers at this path. No cookie counts here, so there is nothing for a CSRF token to protect."""
    return _router(path, HANDLERS)


def auth_router(path: str) -> Router:
    """What has to do with one's account and session. The page's cookie counts here, if the page is our own."""
    return _router(path, AUTH_HANDLERS)


def _router(path: str, handlers: list[HTTPRouteHandler]) -> Router:
    return Router(path, route_handlers=handlers, before_request=require_plain_query, opt={"exclude_from_csrf": True})
