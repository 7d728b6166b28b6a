"""What the service logs: a JSON object a line for programs, or plain lines for people at a terminal.

    {"timestamp":"…","level":"INFO","logger":"service.requests","message":"GET /spots 200","context":{…},
     "request_id":"…","trace_id":"…","span_id":"…"}

A line says which route was asked for and never by which address: paths, queries, headers and bodies hold what people
type, passwords and tokens among it. Who did what is in the database's own record (parking.activity).
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
from typing import Any, Final

import msgspec

from service.settings import LogFormat, LogLevel
from service.tracing import current_request

TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_encode = msgspec.json.Encoder().encode


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON. `extra={"context": {…}}` of a logging call becomes its member `context`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; whatever its text contains, it stays one."""
        line: dict[str, Any] = {
            "timestamp": dt.datetime.fromtimestamp(record.created, dt.UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (context := getattr(record, "context", None)) is not None:
            line["context"] = context
        if (request := current_request()) is not None:
            line |= {"request_id": request.request_id, "trace_id": request.trace_id, "span_id": request.span_id}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line).decode()


class TextFormatter(logging.Formatter):
    """A record as a line for people, with the request's id where there is a request that something is wrong with."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback's own."""
        text = super().format(record)
        if (duration := getattr(record, "context", {}).get("duration_ms")) is not None:
            text += f" {duration:.1f} ms"
        if record.levelno >= logging.WARNING and (request := current_request()) is not None:
            text += f" (request {request.request_id})"
        return text


def configure(log_format: LogFormat = "text", level: LogLevel = "info") -> None:
    """Log to stderr, and nowhere else; `level` is for what is ours.

    Of other people's libraries only what is wrong: more of it, and one logs the headers of every handshake.
    """
    # Nothing that we log says in which thread or process; finding it out takes half as long as all the rest.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("service").setLevel(level.upper())
