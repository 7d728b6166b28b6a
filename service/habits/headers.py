"""The headers that every answer has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from service.settings import Settings

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A map may ask where its reader is; nothing here has a use for the rest.
    "Permissions-Policy": (
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(self), gyroscope=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # What is free now, or is somebody's own, is not for a cache; the static files say otherwise themselves.
    "Cache-Control": "no-store",
}

# Two years, as the lists that browsers ship ask for; only where cookies are for https alone.
TRANSPORT_SECURITY: Final = "max-age=63072000; includeSubDomains"


def secure(settings: Settings) -> Callable[[Message, Scope], Awaitable[None]]:
    """A before_send hook: it sees every answer, those of the router and of the exception handlers included."""
    texts = dict(SECURITY_HEADERS)
    if settings.secure_cookies:
        texts["Strict-Transport-Security"] = TRANSPORT_SECURITY
    always = encoded(texts)

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name.lower() for name, _ in given}
            message["headers"] = [*given, *(header for header in always if header[0] not in names)]
            if b"allow" in names:
                headers = MutableScopeHeaders.from_message(message)
                if scope.get("method") == "OPTIONS":
                    headers["Allow"] = _methods(scope)
                if "GET" in (allowed := headers["Allow"]) and "HEAD" not in allowed:
                    headers["Allow"] = f"{allowed}, HEAD"

    return add


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them. Litestar's own mappings look through all of them for each that is read or set."""
    return [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]


def _methods(scope: Scope) -> str:
    """What a route answers to. Litestar's own OPTIONS names the methods of the handler that was registered first."""
    (route,) = (each for each in scope["litestar_app"].routes if each.path_format == scope["path_template"])
    return ", ".join(sorted(route.methods))
