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

from service import api, asyncapi, openapi, pages, sockets
from service.auth import Tokens, set_cookies
from service.database import Database
from service.edge import add_security_headers, answer_head, finish_reading, log_socket_failure
from service.feed import Feed
from service.pages import rendering
from service.problems import answer_problem
from service.sessions import OpenSessions
from service.settings import Settings

LARGEST_BODY = 64 * 1024


def create_app(settings: Settings | None = None) -> Litestar:
    """The ASGI application; without settings, with those of the environment."""
    settings = settings or Settings.from_environ(os.environ)
    database = Database(settings)
    tokens = Tokens(settings.jwt_secret, settings.token_seconds, settings.jwt_retired_secrets)
    feed = Feed(database)
    open_sessions = OpenSessions(database)
    proxies = [ip_network(text) for text in settings.trusted_proxies]
    parts = {
        "settings": settings,
        "database": database,
        "tokens": tokens,
        "feed": feed,
        "open_sessions": open_sessions,
    }
    app = Litestar(
        route_handlers=[
            api.router("/"),
            api.router("/api", *api.FURTHER_HANDLERS),
            api.auth_router("/api/auth"),
            openapi.openapi_document,
            asyncapi.asyncapi_document,
            pages.router,
            rendering.static_files,
            sockets.events_socket,
            sockets.board_socket,
            sockets.bookings_socket,
        ],
        dependencies={name: _provide(part) for name, part in parts.items()},
        state=State({"settings": settings, "tokens": tokens, "feed": feed, "proxies": proxies}),
        on_startup=[database.open, feed.start, open_sessions.start],
        on_shutdown=[open_sessions.stop, feed.stop, database.close],
        exception_handlers={Exception: answer_problem},
        after_exception=[log_socket_failure],
        before_send=[add_security_headers, set_cookies],
        csrf_config=_csrf(settings),
        template_config=rendering.template_config,
        openapi_config=openapi.config,
        request_max_body_size=LARGEST_BODY,
        # The exception handlers log; this would say everything twice.
        logging_config=None,
    )
    app.asgi_handler = finish_reading(answer_head(app.asgi_handler))
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
