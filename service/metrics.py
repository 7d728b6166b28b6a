"""/metrics: figures for Prometheus, in its own text format.

Two kinds. What this process does is counted here and begins anew with it: durations, errors, connections, sockets. What
goes on in the installation is read from parking.figures(), at most every FIGURES_SECONDS: every instance tells the same
figures, which outlive all of them, so they are not to be added up over instances.

It is for those who run the installation: whoever has the token of PARKING_METRICS_TOKEN, or asks from a network of
PARKING_METRICS_NETWORKS. Where neither is set, that is this machine itself.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, Final

from asyncpg import PostgresError, Record
from litestar import Request, Response, get
from litestar.di import NamedDependency
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from service.auth import address_of, speaks_for_others
from service.database import Database
from service.feed import Feed
from service.overseeing import Overseers
from service.problems import Problem
from service.settings import Settings

log = logging.getLogger(__name__)

FIGURES_SECONDS: Final = 5.0
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
# From a look-up to a booking that has waited for its turn and for a lock.
BUCKETS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

FIGURES: Final = "select f.figure, f.label, f.value from parking.figures() f"

Rows = list[Record]

# When each series began: half as many lines again, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Everything that is measured, of one application."""

    def __init__(self, database: Database, feed: Feed, overseers: Overseers) -> None:
        self._database = database
        self._feed = feed
        self._overseers = overseers
        self._figures: Rows | None = None
        self._figures_until = 0.0
        self._reading = asyncio.Lock()
        self._registry = CollectorRegistry(auto_describe=False)
        self._durations = Histogram(
            "request_duration_seconds",
            "How long requests took, from their head to the end of their answer",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        # What labels() gives, found by it only once.
        self._timers: dict[tuple[str, str, int], Any] = {}
        self._errors = Counter(
            "errors",
            "Requests that were refused or failed, by the problem's name",
            ("problem",),
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def time_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has ended."""
        key = (method, route, status // 100)
        if (timer := self._timers.get(key)) is None:
            timer = self._timers[key] = self._durations.labels(method, route, f"{status // 100}xx")
        timer.observe(seconds)

    def count_error(self, slug: str) -> None:
        """A request has met this problem."""
        self._errors.labels(slug).inc()

    async def text(self) -> bytes:
        """All of it, as Prometheus reads it; while the database is away, without what only it knows."""
        await self._read_figures()
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """What is looked up and not counted. (Called by the registry.)"""
        yield _gauge("feed_lag_seconds", "How long ago the record of events was last read", self._feed.lag)
        sockets = GaugeMetricFamily("sockets_open", "WebSockets that are open", labels=("kind",))
        # Whoever has a view of a lot open follows its events inside.
        sockets.add_metric(["events"], self._feed.followers - self._overseers.views)
        sockets.add_metric(["board"], len(self._feed.boards.outboxes()))
        sockets.add_metric(["operate"], self._overseers.views)
        sockets.add_metric(["bookings"], len(self._feed.lists.outboxes()))
        yield sockets
        connections = GaugeMetricFamily(
            "database_connections", "Connections of each pool to the database", labels=("pool", "state")
        )
        for pool, state, number in self._database.connections():
            connections.add_metric([pool, state], number)
        yield connections
        reachable = self._figures is not None
        yield _gauge("database_reachable", "Whether the last reading of the figures below succeeded", float(reachable))
        yield from _families(self._figures or [])

    async def _read_figures(self) -> None:
        clock = asyncio.get_running_loop().time
        async with self._reading:
            if clock() < self._figures_until:
                return
            try:
                self._figures = await self._database.rows(FIGURES, pool="operations")
            except (PostgresError, Problem, OSError) as error:
                log.warning("The figures cannot be read: %s", type(error).__name__)
                self._figures = None
            self._figures_until = clock() + FIGURES_SECONDS


def _families(rows: Rows) -> Iterator[Metric]:
    """The figures of parking.figures() as Prometheus has them."""
    reservations = CounterMetricFamily(
        "reservations",
        "Reservations that were booked, rescheduled, cancelled, completed or released, ever",
        labels=("type",),
    )
    spots = GaugeMetricFamily("spots", "Spots that can be booked, of the hundred largest tenants", labels=("tenant",))
    occupancy = GaugeMetricFamily(
        "occupancy_rate", "The share of these spots that is taken at this moment, from 0 to 1", labels=("tenant",)
    )
    by_figure: dict[str, CounterMetricFamily | GaugeMetricFamily] = {
        "reservations_total": reservations,
        "spots": spots,
        "occupancy_rate": occupancy,
    }
    for row in rows:
        if row["figure"] == "active_sessions":
            yield _gauge(
                "active_sessions", "People's sessions that could go on without signing in", float(row["value"])
            )
        elif (family := by_figure.get(row["figure"])) is not None:
            family.add_metric([row["label"]], float(row["value"]))
    if rows:
        yield from by_figure.values()


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)


def require_watcher(request: Request[Any, Any, Any], settings: Settings) -> None:
    """Refuse whoever is not to see the figures; problems: not-signed-in, not-allowed."""
    token = settings.metrics_token
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if token is not None and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return
    networks = settings.metrics_networks
    if networks is None:
        networks = LOOPBACK if token is None else ()
    address = address_of(request)
    # A proxy on this machine that nobody has told us of would lend its own address to everybody.
    known = address is not None and not speaks_for_others(request)
    if known and any(address in ip_network(network) for network in networks):
        return
    raise Problem.of("not-allowed" if token is None else "not-signed-in")


@get("/metrics", include_in_schema=False, opt={"exclude_from_csrf": True})
async def show_metrics(
    request: Request[Any, Any, Any], settings: NamedDependency[Settings], metrics: NamedDependency[Metrics]
) -> Response[bytes]:
    """Figures for Prometheus."""
    require_watcher(request, settings)
    # Litestar says of each text that it is UTF-8.
    return Response(await metrics.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4.removesuffix("; charset=utf-8"))
