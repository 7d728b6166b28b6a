"""The AsyncAPI 3.0 document at /asyncapi.json: what /ws sends, beside what /openapi.json says of the REST interface."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get

from service.feed import Event, Mark
from service.outbox import POLICY_VIOLATION, SERVICE_RESTART, TRY_AGAIN_LATER

CLOSE_CODES = {
    POLICY_VIOLATION: "what was asked for is refused for good; the reason is the problem's name, such as not-a-cursor",
    SERVICE_RESTART: "the service restarts; come back with the last cursor",
    TRY_AGAIN_LATER: "the client did not keep up, or the database is away; come back with the last cursor",
}

_, SCHEMAS = msgspec.json.schema_components([Event, Mark], ref_template="#/components/schemas/{name}")

MESSAGES: dict[str, tuple[str, str]] = {
    "event": (
        "Event",
        (
            "A spot was booked, its booking rescheduled, cancelled, completed or released, or its state set by hand; "
            "or a vehicle without a booking entered a garage or left it, or its ticket was voided."
        ),
    ),
    "hello": ("Mark", "Everything that was missed has been sent; from here on events come as they happen."),
    "reset": (
        "Mark",
        "What was missed cannot be told: the record does not reach back, or it has been restored. Read anew.",
    ),
    "changed": (
        "Mark",
        (
            "The lot itself was changed: its spots, names, hours or slots. Read it anew, as after having been away: "
            "this is not in the record, and is not told again."
        ),
    ),
    "heartbeat": ("Mark", "Nothing has happened for 20 seconds."),
}


def _example(kind: str) -> dict[str, Any]:
    cursor = "1~7516:7516:"
    if kind != "event":
        return {"type": kind, "cursor": cursor}
    return {
        "id": 12,
        "type": "booked",
        "spot_id": 3,
        "lot_id": 1,
        "start_time": "2026-11-22T08:00:00+01:00",
        "end_time": "2026-11-22T12:00:00+01:00",
        "at": "2026-11-20T15:04:05.678901+01:00",
        "cursor": cursor,
    }


DOCUMENT: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {
        "title": "Smart Parking, live",
        "version": "1",
        "description": (
            "Each message is a JSON object in a text frame. `cursor` is opaque and stands behind all that has been "
            "sent so far: come back with `?after=<cursor>` of the last message, and nothing is missing and nothing "
            "comes twice. What a client sends means nothing. Close codes: "
            + "; ".join(f"{code}, {meaning}" for code, meaning in CLOSE_CODES.items())
            + ". A handshake that is refused is answered by a problem (RFC 9457) with its status, as any request is."
        ),
    },
    "defaultContentType": "application/json",
    "channels": {
        "events": {
            "address": "/ws",
            "title": "The events of a lot",
            "description": "Public: it never says who booked.",
            "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in MESSAGES},
            "bindings": {
                "ws": {
                    "method": "GET",
                    "query": {
                        "type": "object",
                        "properties": {
                            "lot": {
                                "type": "integer",
                                "minimum": 1,
                                "description": "The lot; without it, the one of this service.",
                            },
                            "after": {
                                "type": "string",
                                "description": "The cursor of the last message that arrived; without it, from now on.",
                            },
                        },
                    },
                }
            },
        }
    },
    "operations": {
        "sendEvents": {
            "action": "send",
            "channel": {"$ref": "#/channels/events"},
            "messages": [{"$ref": f"#/channels/events/messages/{kind}"} for kind in MESSAGES],
        }
    },
    "components": {
        "messages": {
            kind: {
                "name": kind,
                "summary": summary,
                "payload": {"$ref": f"#/components/schemas/{schema}"},
                "examples": [{"payload": _example(kind)}],
            }
            for kind, (schema, summary) in MESSAGES.items()
        },
        "schemas": SCHEMAS,
    },
}


@get("/asyncapi.json", include_in_schema=False, opt={"exclude_from_csrf": True}, sync_to_thread=False)
def asyncapi_document() -> Response[dict[str, Any]]:
    """The document."""
    return Response(DOCUMENT, media_type="application/json")
