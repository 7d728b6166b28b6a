"""/metrics: the figures are right, few, and only for whom they are meant."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from tests.api.asking import booking, problem
from tests.support import Database, Service, issue_token, sign_in

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
TOKEN = "t0ken-of-the-watchers"


class Figures:
    """What was read from /metrics once."""

    def __init__(self, text: str) -> None:
        self.samples: Samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.samples.get((name, frozenset(labels.items())))

    def labels_of(self, name: str) -> set[frozenset[tuple[str, str]]]:
        """The series of this name."""
        return {labels for found, labels in self.samples if found == name}


async def read(client: httpx.AsyncClient, **headers: str) -> Figures:
    answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Figures(answer.text)


async def until(client: httpx.AsyncClient, met: Callable[[Figures], bool]) -> Figures:
    """Those of the installation are read anew every five seconds."""
    deadline = time.monotonic() + 30
    while not met(figures := await read(client)):
        assert time.monotonic() < deadline, figures.samples
        await asyncio.sleep(0.2)
    return figures


async def test_business_figures_follow_what_happens(client: httpx.AsyncClient, database: Database) -> None:
    figures = await read(client)
    assert figures("reservations_total", type="booked") == 0
    assert figures("active_sessions") == 0
    driver = await sign_in(client)
    now = "parking.clock() - interval '1 hour', parking.clock() + interval '1 hour'"
    database.psql(f"select * from parking.book(1, 2, {now})", role="parking_service")
    made = await client.post("/reservations", json=booking(), headers=driver)
    await client.put(f"{made.headers['location']}/complete", headers=driver)
    figures = await until(client, lambda figures: figures("reservations_total", type="completed") == 1)
    assert figures("reservations_total", type="booked") == 2
    assert figures("active_sessions") == 1
    spots = figures("spots", tenant="default")
    assert spots is not None
    assert figures("occupancy_rate", tenant="default") == pytest.approx(1 / spots, abs=1e-4)
    assert figures("database_reachable") == 1


async def test_every_instance_tells_the_same_counters_and_a_restart_loses_none(database: Database) -> None:
    book = "select * from parking.book(1, {}, parking.clock(), parking.clock() + interval '1 hour')"
    async with (
        Service(database) as one,
        Service(database) as other,
        httpx.AsyncClient(base_url=one.url, timeout=20, trust_env=False) as client,
        httpx.AsyncClient(base_url=other.url, timeout=20, trust_env=False) as another,
    ):
        database.psql(book.format(1), role="parking_service")
        for asked in (client, another):
            await until(asked, lambda figures: figures("reservations_total", type="booked") == 1)
        await one.stop()
        database.psql(book.format(2), role="parking_service")
        await one.start()
        for asked in (client, another):
            await until(asked, lambda figures: figures("reservations_total", type="booked") == 2)


async def test_requests_are_timed_by_route_and_errors_counted_by_problem(client: httpx.AsyncClient) -> None:
    driver = await sign_in(client)
    for number in range(1, 4):
        await client.get(f"/reservations/{number}00", headers=driver)
    await client.get("/spots")
    await client.head("/spots")
    figures = await read(client)
    timed = "request_duration_seconds_count"
    assert figures(timed, method="GET", route="/reservations/{reservation}", status="4xx") == 3
    assert figures(timed, method="GET", route="/spots", status="2xx") == 1
    assert figures(timed, method="HEAD", route="/spots", status="2xx") == 1
    assert figures("errors_total", problem="unknown-reservation") == 3
    seconds = figures("request_duration_seconds_sum", method="GET", route="/spots", status="2xx")
    assert seconds is not None
    assert 0 < seconds < 20


async def test_a_refusal_in_words_is_counted_as_well(client: httpx.AsyncClient) -> None:
    """The page answers a wrong password with a form and not with a problem document."""
    token = (await client.get("/sign-in")).cookies["csrf"]
    form = {"email": "driver1@parking.com", "password": "not the one", "_csrf_token": token}
    assert (await client.post("/sign-in", data=form)).status_code == 401
    assert (await read(client))("errors_total", problem="wrong-credentials") == 1


async def test_whatever_strangers_send_makes_no_new_series(client: httpx.AsyncClient) -> None:
    await client.request("BREW", "/nothing")
    await client.get("/nothing")
    before = (await read(client)).labels_of("request_duration_seconds_count")
    for number in range(50):
        await client.get(f"/nothing/{number}")
        await client.get(f"/static/{number}/page.css")
        await client.request(f"BREW{number}", "/spots")
    after = (await read(client)).labels_of("request_duration_seconds_count")
    assert {route for labels in after - before for kind, route in labels if kind == "route"} <= {"/metrics", "none"}
    assert len(after) <= len(before) + 2


async def test_sockets_connections_and_the_feed(service: Service, client: httpx.AsyncClient) -> None:
    operator = {"Cookie": f"session={issue_token(service, 3)}"}
    driver = {"Cookie": f"session={issue_token(service)}"}
    async with (
        websockets.connect(f"{service.ws_url}/ws") as events,
        websockets.connect(f"{service.ws_url}/ws") as more_events,
        websockets.connect(f"{service.ws_url}/ws/board") as board,
        websockets.connect(f"{service.ws_url}/ws/operate", additional_headers=operator) as view,
        websockets.connect(f"{service.ws_url}/ws/bookings", additional_headers=driver) as own,
        websockets.connect(f"{service.ws_url}/ws/bookings", additional_headers=driver) as own_again,
    ):
        for socket in (events, more_events, board, view, own, own_again):
            await socket.recv()
        figures = await read(client)
        open_now = {kind: figures("sockets_open", kind=kind) for kind in ("events", "board", "operate", "bookings")}
        assert open_now == {"events": 2, "board": 1, "operate": 1, "bookings": 2}
    lag = figures("feed_lag_seconds")
    assert lag is not None
    assert 0 <= lag < 5
    for pool, size in {"main": 10, "sign_in": 2, "public": 3, "boards": 2, "operations": 1}.items():
        parts = [figures("database_connections", pool=pool, state=state) for state in ("idle", "busy", "unopened")]
        assert sum(part for part in parts if part is not None) == size
    for kind in open_now:
        await until(client, lambda figures, kind=kind: figures("sockets_open", kind=kind) == 0)  # type: ignore[misc]


async def test_without_a_database_it_says_so_and_tells_the_rest(database: Database) -> None:
    nowhere = {"PARKING_DATABASE_URL": "postgresql://parking_service@/parking?host=/nowhere"}
    async with (
        Service(database, environ=nowhere) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
    ):
        await client.get("/spots")
        figures = await read(client)
        assert figures("database_reachable") == 0
        assert figures("feed_lag_seconds") == float("inf")
        assert figures("errors_total", problem="database-unavailable") == 1
        assert not figures.labels_of("occupancy_rate")


BEARER = {"Authorization": f"Bearer {TOKEN}"}
PROXIED = {"PARKING_TRUSTED_PROXIES": "127.0.0.1"}


@pytest.mark.parametrize(
    ("environ", "headers", "expected"),
    [
        ({}, {}, "open"),
        ({}, {"X-Forwarded-For": "192.0.2.1"}, "not-allowed"),
        ({}, {"Forwarded": "for=127.0.0.1"}, "not-allowed"),
        ({}, {"Via": "1.1 somebody"}, "not-allowed"),
        ({}, BEARER, "open"),
        (PROXIED, {}, "open"),
        (PROXIED, {"X-Forwarded-For": "192.0.2.1"}, "not-allowed"),
        (PROXIED, {"Forwarded": "for=192.0.2.1"}, "not-allowed"),
        ({"PARKING_METRICS_NETWORKS": "192.0.2.0/24"}, {}, "not-allowed"),
        ({"PARKING_METRICS_NETWORKS": "192.0.2.0/24"}, {"X-Forwarded-For": "192.0.2.1"}, "not-allowed"),
        (PROXIED | {"PARKING_METRICS_NETWORKS": "192.0.2.0/24"}, {"X-Forwarded-For": "192.0.2.1"}, "open"),
        (
            PROXIED | {"PARKING_METRICS_NETWORKS": "192.0.2.0/24"},
            {"X-Forwarded-For": "192.0.2.1, 9.9.9.9"},
            "not-allowed",
        ),
        ({"PARKING_METRICS_TOKEN": TOKEN}, {}, "not-signed-in"),
        ({"PARKING_METRICS_TOKEN": TOKEN}, {"Authorization": f"Bearer {TOKEN}x"}, "not-signed-in"),
        ({"PARKING_METRICS_TOKEN": TOKEN}, {"Authorization": "Bearer ünfit".encode()}, "not-signed-in"),
        ({"PARKING_METRICS_TOKEN": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, "not-signed-in"),
        ({"PARKING_METRICS_TOKEN": TOKEN}, BEARER | {"X-Forwarded-For": "192.0.2.1"}, "open"),
        ({"PARKING_METRICS_TOKEN": TOKEN, "PARKING_METRICS_NETWORKS": "127.0.0.1"}, {}, "open"),
    ],
)
def test_who_may_see_the_figures(
    module_database: Database, environ: dict[str, str], headers: dict[str, Any], expected: str
) -> None:
    with Service(module_database, environ=environ) as service:
        answer = httpx.get(f"{service.url}/metrics", headers=headers, trust_env=False)
        if expected == "open":
            assert answer.status_code == 200
            assert "occupancy_rate" in answer.text
        else:
            problem(answer, {"not-allowed": 403, "not-signed-in": 401}[expected], expected)
            assert "occupancy_rate" not in answer.text
