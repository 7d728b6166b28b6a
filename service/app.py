"""The composition root: what the service is made of."""

from __future__ import annotations

import hashlib
import hmac
import os
from ipaddress import ip_network

from litestar import Litestar
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import MethodNotAllowedException, NotFoundException

from service import api, asyncapi, health, openapi, pages, sockets
from service.api.reservations import Suggestions
from service.api.spots import Spots
from service.auth import Tokens, set_cookies
from service.database import Database
from service.feed import Feed
from service.habits.conditional import compress
from service.habits.dependencies import resolve_one_by_one
from service.habits.exchange import answer_head, explain_refusals, finish_reading, note_socket_failure
from service.habits.headers import secure
from service.habits.limits import Limits
from service.habits.origins import admit_origins
from service.habits.preferences import answer_briefly
from service.health import Health
from service.metrics import Metrics, show_metrics
from service.observing import note_route, observe
from service.overseeing import Overseers
from service.pages import rendering
from service.pages.explaining import answer_unrouted
from service.problems import answer_problem
from service.sessions import OpenSessions
from service.settings import Settings
from service.telemetry import telemetry_to

LARGEST_BODY = 64 * 1024


def create_app(settings: Settings | None = None) -> Litestar:
    """The ASGI application; without settings, with those of the environment."""
    settings = settings or Settings.from_environ(os.environ)
    database = Database(settings)
    tokens = Tokens(settings.jwt_secret, settings.token_seconds, settings.jwt_retired_secrets)
    feed = Feed(database)
    open_sessions = OpenSessions(database)
    well_being = Health(database, feed, settings)
    overseers = Overseers(database)
    metrics = Metrics(database, feed, overseers)
    telemetry = telemetry_to(settings.otlp_endpoint)
    limits = Limits(settings)
    proxies = [ip_network(text) for text in settings.trusted_proxies]
    parts = {
        "settings": settings,
        "database": database,
        "tokens": tokens,
        "feed": feed,
        "open_sessions": open_sessions,
        "health": well_being,
        "metrics": metrics,
        "overseers": overseers,
        "spots": Spots(database),
        "suggestions": Suggestions(database),
    }
    app = Litestar(
        route_handlers=[
            api.router("/"),
            api.router("/api", *api.FURTHER_HANDLERS),
            api.auth_router("/api/auth"),
            health.router,
            show_metrics,
            *openapi.handlers,
            asyncapi.asyncapi_document,
            pages.router,
            rendering.static_file,
            sockets.events_socket,
            sockets.board_socket,
            sockets.operate_socket,
            sockets.garage_socket,
            sockets.bookings_socket,
        ],
        dependencies={name: _provide(part) for name, part in parts.items()},
        state=State({"settings": settings, "tokens": tokens, "feed": feed, "health": well_being, "proxies": proxies}),
        on_startup=[database.open, feed.start, open_sessions.start],
        on_shutdown=[open_sessions.stop, feed.stop, database.close, telemetry.stop],
        exception_handlers={
            Exception: answer_problem,
            NotFoundException: limits.counting(answer_unrouted),
            MethodNotAllowedException: limits.counting(answer_unrouted),
        },
        after_exception=[note_socket_failure],
        before_send=[secure(settings), set_cookies],
        middleware=[limits, compress],
        csrf_config=_csrf(settings),
        template_config=rendering.template_config,
        openapi_config=openapi.config,
        request_max_body_size=LARGEST_BODY,
        # The exception handlers log; this would say everything twice.
        logging_config=None,
    )
    resolve_one_by_one(app)
    inner = explain_refusals(finish_reading(answer_head(answer_briefly(note_route(app.asgi_handler)))))
    app.asgi_handler = observe(admit_origins(inner, settings.allowed_origins), metrics, telemetry)
    return app


def _provide(part: object) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


def _csrf(settings: Settings) -> CSRFConfig:
    """Double-submit tokens for the forms, signed with a key of their own."""
    return CSRFConfig(
        secret=hmac.digest(settings.jwt_secret.encode(), b"csrf", hashlib.sha256).hex(),
        cookie_name="csrf",
        cookie_httponly=True,
        cookie_samesite="lax",
        cookie_secure=settings.secure_cookies,
    )
