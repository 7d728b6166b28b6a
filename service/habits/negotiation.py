"""What a client would like to get: the header Accept (RFC 9110, 12.5.1)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request

from service.problems import Problem

# Nobody has more wishes than these; what stands behind them is not looked at.
MOST_RANGES: Final = 32

HTML: Final = "text/html"
JSON: Final = "application/json"


def quality(accept: str, media_type: str) -> float:
    """How welcome a media type is, from 0 to 1: the most specific range that fits says so; without any header, all are.

    A range whose quality is no number counts as if it were not there.
    """
    if not accept.strip():
        return 1.0
    fitting = {media_type: 3, f"{media_type.partition('/')[0]}/*": 2, "*/*": 1}
    found = (0, 0.0)
    for part in accept.split(",")[:MOST_RANGES]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if (rank := fitting.get(name, 0)) and (weight := _weight(parameters)) is not None:
            found = max(found, (rank, weight))
    return found[1]


def prefers_html(request: Request[Any, Any, Any]) -> bool:
    """Whether a person is looking: a browser's navigation likes HTML best, programs like anything or JSON."""
    accept = _accept(request)
    return quality(accept, HTML) > quality(accept, JSON)


async def require_json_welcome(request: Request[Any, Any, Any]) -> None:
    """Refuse to answer with JSON who has said that it is not wanted."""
    if not quality(_accept(request), JSON):
        raise Problem.of("not-acceptable")


def _accept(request: Request[Any, Any, Any]) -> str:
    return ",".join(request.headers.getall("accept", []))


def _weight(parameters: list[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return None
            return weight if 0 <= weight <= 1 else None
    return 1.0
