"""The page as an application on the home screen, and what it shows without a connection."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.response import Template

from service.pages.answers import AnyResponse
from service.pages.language import _
from service.pages.rendering import STATIC_PATH, asset

ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-maskable-512.png", "512x512", "maskable"),
)


@get("/manifest.webmanifest", media_type="application/manifest+json")
async def describe_application() -> Response[dict[str, Any]]:
    """The web application manifest (W3C), in the reader's language."""
    return Response(
        {
            "id": "/",
            "name": _("Parking"),
            "short_name": _("Parking"),
            "description": _("Book a parking spot and watch the lot live."),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f4f5f8",
            "theme_color": "#2450c8",
            "icons": [
                {"src": asset(f"icons/{name}"), "sizes": sizes, "type": "image/png", "purpose": purpose}
                for name, sizes, purpose in ICONS
            ],
            "shortcuts": [
                {"name": _("Find a spot"), "url": "/lots"},
                {"name": _("My bookings"), "url": "/bookings"},
            ],
        },
        media_type="application/manifest+json",
    )


@get("/service-worker.js")
async def serve_worker() -> AnyResponse:
    """The service worker; at the root, because it looks after the pages below its own address."""
    return Template(
        "service-worker.js",
        context={
            "kept": ["/offline", asset("page.css"), asset("favicon.svg")],
            "version": STATIC_PATH.rpartition("/")[2],
        },
        media_type="text/javascript",
    )


@get("/offline")
async def show_offline() -> AnyResponse:
    """What the service worker keeps for when there is no connection."""
    return Template("offline.html")


handlers = [describe_application, serve_worker, show_offline]
