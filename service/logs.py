"""What the service logs: a JSON object a line for programs, or plain lines for people at a terminal.

    {"timestamp":"…","level":"INFO","logger":"service.requests","message":"GET /spots 200","context":{…},
     "request_id":"…","trace_id":"…","span_id":"…"}

A line says which route was asked for and never by which address: paths, queries, headers and bodies hold what people
type, passwords and tokens among it. Who did what is in the database's own record (parking.activity).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

from service.settings import LogFormat, LogLevel
from service.tracing import current_request

TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_encode = msgspec.json.Encoder().encode


UNASKED: Final[dict[str, Any]] = {
    "pathname": __file__,
    "filename": Path(__file__).name,
    "module": "",
    "funcName": "",
    "lineno": 0,
    "process": None,
    "processName": "",
    "thread": None,
    "threadName": "",
    "taskName": None,
    "exc_info": None,
    "exc_text": None,
    "stack_info": None,
    "relativeCreated": 0.0,
}
"""What a LogRecord knows besides, for whoever formats one by its attributes."""


class RequestRecord(logging.LogRecord):
    """What is logged of a request. A LogRecord that finds out all that one may know takes longer than all the rest."""

    def __init__(self, name: str, level: int, msg: str, args: tuple[Any, ...], context: dict[str, Any]) -> None:
        self.__dict__.update(UNASKED)
        self.name, self.levelno, self.levelname = name, level, logging.getLevelName(level)
        self.msg, self.args = msg, args
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.context = context


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes what is wrong at once; the rest as soon as the event loop has done what it has to, many lines together."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._awaited: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, perhaps not yet out."""
        super().emit(record)
        if record.levelno >= logging.WARNING:
            self._write_out()

    def flush(self) -> None:
        """Have it written out soon; at once where nothing will come later, as at the end of the process."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_out()
        else:
            if self._awaited is not loop:
                self._awaited = loop
                loop.call_soon(self._write_out)

    def _write_out(self) -> None:
        self._awaited = None
        # Nobody reads any more, and there is nowhere else to say so.
        with suppress(OSError):
            super().flush()


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

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._second: tuple[int, str] = (0, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's own name)
        """Local time; looked up once a second."""
        second = int(record.created)
        if self._second[0] != second:
            self._second = second, time.strftime(self.default_time_format, self.converter(second))
        return f"{self._second[1]},{int(record.msecs):03d}"

    def format(self, record: logging.LogRecord) -> str:
        """The line, and a traceback's own."""
        # The form of TEXT, without looking for what else there could be.
        brief = f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"
        text = super().format(record) if record.exc_info else brief
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
    # Not sys.stderr itself, which lets each line out on its own.
    out = open(sys.stderr.fileno(), "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    handler = LineHandler(out)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("service").setLevel(level.upper())
