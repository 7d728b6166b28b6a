"""The JSON interface. What the specification has at the root answers there and under /api, the rest under /api only."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router
from litestar.handlers import HTTPRouteHandler

from service.api import changes, finding, garage, garages, lots, meanings, openings, reports, tariffs
from service.api.audit import list_activity
from service.api.figures import show_figures
from service.api.people import (
    add_person,
    assign_role,
    change_person,
    deactivate,
    erase_person,
    list_people,
    list_roles,
    reactivate,
    revoke_role,
    set_password,
    show_person,
)
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
from service.api.states import find_spot_state, list_spot_states, set_spot_state
from service.api.stats import show_stats
from service.api.tenants import found_tenant, list_tenants, set_registration
from service.edge import require_plain_query
from service.habits.conditional import require_heeded
from service.habits.negotiation import require_json_welcome

HANDLERS: list[HTTPRouteHandler] = [sign_in, list_spots, book_spot, find_reservation, complete_reservation, show_stats]

FURTHER_HANDLERS: list[HTTPRouteHandler] = [
    *lots.HANDLERS,
    *changes.HANDLERS,
    *openings.HANDLERS,
    *finding.HANDLERS,
    *tariffs.HANDLERS,
    *garage.HANDLERS,
    *garages.HANDLERS,
    *reports.HANDLERS,
    *meanings.HANDLERS,
    find_spot_state,
    list_spot_states,
    set_spot_state,
    list_roles,
    list_people,
    add_person,
    show_person,
    change_person,
    set_password,
    assign_role,
    revoke_role,
    deactivate,
    reactivate,
    erase_person,
    list_tenants,
    found_tenant,
    set_registration,
    list_activity,
    show_figures,
]
"""Those that answer under /api only."""


AUTH_HANDLERS: list[HTTPRouteHandler] = [
    register,
    sign_in,
    refresh,
    sign_out,
    sign_out_everywhere,
    show_account,
    change_password,
]


def router(path: str, *further: HTTPRouteHandler) -> Router:
    """The handlers at this path. No cookie counts here, so there is nothing for a CSRF token to protect."""
    return _router(path, [*HANDLERS, *further])


def auth_router(path: str) -> Router:
    """What has to do with one's account and session. The page's cookie counts here, if the page is our own."""
    return _router(path, AUTH_HANDLERS)


def _router(path: str, handlers: list[HTTPRouteHandler]) -> Router:
    return Router(path, route_handlers=handlers, before_request=_look_at, opt={"exclude_from_csrf": True})


async def _look_at(request: Request[Any, Any, Any]) -> None:
    """What holds for each request, before its parameters and its body are read."""
    await require_json_welcome(request)
    await require_plain_query(request)
    await require_heeded(request)
