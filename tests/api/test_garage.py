"""The garage's interface as its document has it (section 6.2), whose clients must work unchanged; and refusals."""

import asyncio
import csv
import datetime as dt
import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.api.asking import booking, problem
from tests.conftest import Connect
from tests.support import DRIVER_1, OPERATOR, Database, Service, sign_in
from tests.support.days import BERLIN
from tests.support.sql import shift_clock

OPEN = {"PARKING_GARAGE_LOT": "4", "PARKING_GARAGE_DESK": "attendant@parking.com"}
"""The demo's garage, and its attendant."""
TICKET = {
    *("id", "ticketNumber", "licensePlate", "vehicleType", "entryTime", "exitTime"),
    *("durationMinutes", "amountPaid", "status", "paymentMethod"),
}
ACTIVITY = {
    *("id", "ticketNumber", "licensePlate", "entryTime", "exitTime", "durationMinutes", "amount", "status"),
}
STATS = {
    *("totalSpaces", "occupiedSpaces", "availableSpaces", "occupiedSpacesPercentage", "availableSpacesPercentage"),
    *("hourlyRate", "todaysRevenue", "vehiclesProcessedToday", "averageStayTime"),
}
CARD = {"paymentMethod": "Credit Card"}
OF_OPERATOR = f"parking.find_person('{OPERATOR}')"


@pytest.fixture(scope="module")
def module_service(module_database: Database) -> Iterator[Service]:
    """A service that is open to the desk of the demo's garage."""
    with Service(module_database, environ=OPEN) as service:
        yield service


@pytest.fixture
def database(module_database: Database) -> Database:
    """As it was in the beginning: nobody has ever been here."""
    module_database.psql("""
        truncate parking.payments, parking.ticket_lines, parking.tickets, parking.ticket_counters;
        delete from parking.garages where lot_id <> 4;
        update parking.lots set walk_ins = false where id <> 4;
        update parking.garages set spaces = 140, assumed_stay_seconds = 14400;
        update parking.lots set retired_at = null where id = 4;
        update parking.tariffs set valid_until = valid_from where id <> 1;
        update parking.tariffs set valid_until = null where id = 1;
        update parking_private.clock_shift set shift = '0'""")
    return module_database


@pytest.fixture
async def client(database: Database, module_service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Of that service."""
    async with client_of(module_service) as client:
        yield client


@asynccontextmanager
async def client_of(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as client:
        yield client


def vehicle(plate: str = "ABC123", kind: str = "Car") -> dict[str, str]:
    return {"licensePlate": plate, "vehicleType": kind}


async def enter(client: httpx.AsyncClient, plate: str = "ABC123") -> dict[str, Any]:
    answer = await client.post("/api/tickets", json=vehicle(plate))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def spaces(client: httpx.AsyncClient, number: int) -> None:
    client_token = await sign_in(client, OPERATOR)
    answer = await client.put("/api/lots/4/garage", json={"spaces": number}, headers=client_token)
    assert answer.status_code == 200, answer.text


# What the document's own tests do.


async def test_api_connection(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/status")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


async def test_garage_stats(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/garage/stats")
    assert answer.status_code == 200
    stats = answer.json()
    assert stats == {
        "totalSpaces": 140,
        "occupiedSpaces": 0,
        "availableSpaces": 140,
        "occupiedSpacesPercentage": 0,
        "availableSpacesPercentage": 100,
        "hourlyRate": 10.0,
        "todaysRevenue": 0.0,
        "vehiclesProcessedToday": 0,
        "averageStayTime": 0.0,
    }
    for number in range(3):
        await enter(client, f"ABC{number}")
    stats = (await client.get("/api/garage/stats")).json()
    assert stats.keys() == STATS
    assert (stats["occupiedSpaces"], stats["availableSpaces"]) == (3, 137)
    # 2.14 %: what is occupied is floored, and what is free is the rest.
    assert (stats["occupiedSpacesPercentage"], stats["availableSpacesPercentage"]) == (2, 98)


async def test_create_ticket(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/tickets", json=vehicle())
    assert answer.status_code == 201
    ticket = answer.json()
    assert ticket.keys() == TICKET
    assert re.fullmatch(r"PS-\d{4,}", ticket["ticketNumber"])
    assert answer.headers["location"] == f"/api/tickets/{ticket['ticketNumber']}"
    assert (ticket["licensePlate"], ticket["vehicleType"], ticket["status"]) == ("ABC123", "Car", "active")
    assert isinstance(ticket["id"], int)
    for member in ("exitTime", "durationMinutes", "amountPaid", "paymentMethod"):
        assert ticket[member] is None
    entered = dt.datetime.fromisoformat(ticket["entryTime"])
    assert abs(entered - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=2)
    assert entered.utcoffset() == entered.astimezone(BERLIN).utcoffset(), "by the garage's clock"


async def test_get_ticket(client: httpx.AsyncClient) -> None:
    ticket = await enter(client)
    answer = await client.get(f"/api/tickets/{ticket['ticketNumber']}")
    assert (answer.status_code, answer.json()) == (200, ticket)
    refused = problem(await client.get("/api/tickets/PS-9999"), 404, "unknown-ticket")
    assert refused["message"] == refused["detail"]


async def test_process_exit(client: httpx.AsyncClient, connect: Connect) -> None:
    ticket = await enter(client)
    # Two hours and a bit: three started hours are paid, and the minute that has begun counts.
    await shift_clock(await connect("postgres"), dt.timedelta(hours=2, seconds=1))
    number = ticket["ticketNumber"]
    answer = await client.put(f"/api/tickets/{number}/exit", json=CARD)
    assert answer.status_code == 200
    left = answer.json()
    assert left.keys() == TICKET
    assert (left["status"], left["amountPaid"], left["paymentMethod"]) == ("completed", 3000, "Credit Card")
    stay = dt.datetime.fromisoformat(left["exitTime"]) - dt.datetime.fromisoformat(left["entryTime"])
    assert left["durationMinutes"] == -(-stay // dt.timedelta(minutes=1)) >= 121
    assert isinstance(left["amountPaid"], int)
    assert (await client.get(f"/api/tickets/{number}")).json() == left

    refused = problem(
        await client.put(f"/api/tickets/{number}/exit", json={"paymentMethod": "Cash"}), 409, "ticket-closed"
    )
    assert refused["message"] == refused["detail"]
    assert (await client.get(f"/api/tickets/{number}")).json() == left, "a second exit changes nothing"

    stats = (await client.get("/api/garage/stats")).json()
    assert (stats["vehiclesProcessedToday"], stats["averageStayTime"]) == (1, 2.0)
    assert stats["occupiedSpaces"] == 0
    await enter(client, "abc 123")


async def test_get_activities(client: httpx.AsyncClient) -> None:
    numbers = [(await enter(client, f"ABC{number}"))["ticketNumber"] for number in range(12)]
    await client.put(f"/api/tickets/{numbers[-1]}/exit", json={"paymentMethod": "Cash"})
    activities = (await client.get("/api/activities")).json()
    assert [each["ticketNumber"] for each in activities] == numbers[:1:-1], "ten of them, the newest entry first"
    for each in activities:
        assert each.keys() == ACTIVITY
    assert (activities[0]["status"], activities[0]["amount"], activities[0]["durationMinutes"]) == (
        "completed",
        10.0,
        1,
    )
    assert (activities[1]["status"], activities[1]["amount"], activities[1]["exitTime"]) == ("active", None, None)
    some = (await client.get("/api/activities", params={"limit": 3})).json()
    assert some == activities[:3]


async def test_api_docs(client: httpx.AsyncClient) -> None:
    for address in ("/docs", "/redoc"):
        assert (await client.get(address)).status_code == 200
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert {
        "/api/status",
        "/api/garage/stats",
        "/api/tickets",
        "/api/tickets/{ticketNumber}",
        "/api/tickets/{ticketNumber}/exit",
        "/api/activities",
    } <= paths.keys()


# And beyond.


async def test_void_and_lost_tickets_are_completed(client: httpx.AsyncClient, database: Database) -> None:
    void, lost = [(await enter(client, plate))["ticketNumber"] for plate in ("VOID1", "LOST1")]
    database.psql(f"""
        select parking.void_ticket({OF_OPERATOR}, '{void}', 'A mistake');
        select parking.lose_ticket({OF_OPERATOR}, '{lost}', 'Cash', 'Blown away')""")
    answers = [(await client.get(f"/api/tickets/{number}")).json() for number in (void, lost)]
    assert [(ticket["status"], ticket["amountPaid"]) for ticket in answers] == [("completed", 0), ("completed", 1000)]
    activities = (await client.get("/api/activities")).json()
    assert [(each["status"], each["amount"]) for each in activities] == [("completed", 10.0), ("completed", 0.0)]


async def test_revenue_is_in_units_and_cents_are_kept(client: httpx.AsyncClient, database: Database) -> None:
    await client.get("/api/status")
    headers = await sign_in(client, OPERATOR)
    tiers = [{"from_minutes": 0, "price_cents": 1015, "increment_minutes": 60}]
    tariffs = (await client.get("/api/lots/4/tariffs")).json()
    answer = await client.post(
        "/api/lots/4/tariffs", json={"name": tariffs[0]["name"], "tiers": tiers}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    for plate in ("AB1", "AB2", "AB3"):
        number = (await enter(client, plate))["ticketNumber"]
        assert (await client.put(f"/api/tickets/{number}/exit", json=CARD)).json()["amountPaid"] == 1015
    stats = (await client.get("/api/garage/stats")).json()
    assert (stats["hourlyRate"], stats["todaysRevenue"]) == (10.15, 30.45)


ENTRIES: tuple[object, ...] = (
    {},
    {"licensePlate": "ABC123"},
    {"vehicleType": "Car"},
    {"licensePlate": "", "vehicleType": "Car"},
    {"licensePlate": "   ", "vehicleType": "Car"},
    {"licensePlate": "-/-", "vehicleType": "Car"},
    {"licensePlate": "A" * 41, "vehicleType": "Car"},
    {"licensePlate": "A\u0000B", "vehicleType": "Car"},
    {"licensePlate": "ABC123", "vehicleType": ""},
    {"licensePlate": "ABC123", "vehicleType": " "},
    {"licensePlate": 123, "vehicleType": "Car"},
    {"licensePlate": None, "vehicleType": None},
    {"license_plate": "ABC123", "vehicle_type": "Car"},
    [],
    "ABC123",
)


async def test_what_is_wrong_with_an_entry_is_400(client: httpx.AsyncClient) -> None:
    for body in ENTRIES:
        answer = await client.post("/api/tickets", json=body)
        assert answer.status_code == 400, (body, answer.text)
        told = answer.json()
        assert told["status"] == 400
        assert told["message"] == told["detail"]
    assert (await client.get("/api/activities")).json() == []


async def test_what_is_wrong_with_an_exit_is_400(client: httpx.AsyncClient) -> None:
    ticket = await enter(client)
    bodies: tuple[object, ...] = ({}, {"paymentMethod": ""}, {"paymentMethod": "Shells"}, {"paymentMethod": 1}, [])
    for body in bodies:
        answer = await client.put(f"/api/tickets/{ticket['ticketNumber']}/exit", json=body)
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["message"]
    assert (await client.get(f"/api/tickets/{ticket['ticketNumber']}")).json() == ticket


async def test_other_things_that_are_wrong(client: httpx.AsyncClient) -> None:
    for limit in ("0", "-1", "ten", "1001"):
        problem(await client.get("/api/activities", params={"limit": limit}), 400, "invalid-request")
    for number in ("PS-9999", "9999", "PS-", "%00", "PS-٣٣٣٣", "x" * 41):
        for method, path in (("GET", f"/api/tickets/{number}"), ("PUT", f"/api/tickets/{number}/exit")):
            answer = await client.request(method, path, json=CARD if method == "PUT" else None)
            assert answer.status_code in {400, 404}, (number, answer.text)
    problem(
        await client.post("/api/tickets", content=b"{", headers={"Content-Type": "application/json"}),
        400,
        "invalid-request",
    )
    problem(await client.post("/api/tickets", data={"licensePlate": "ABC123"}), 415, "unsupported-media-type")


async def test_a_client_may_send_more_than_is_asked_for(client: httpx.AsyncClient) -> None:
    """As it always could: this interface has never minded."""
    answer = await client.post("/api/tickets", json=vehicle() | {"color": "red"})
    assert answer.status_code == 201
    number = answer.json()["ticketNumber"]
    assert (await client.put(f"/api/tickets/{number}/exit", json=CARD | {"amount": 1})).status_code == 200


async def test_one_open_ticket_a_plate(client: httpx.AsyncClient) -> None:
    await enter(client, "B-AB 123")
    refused = problem(await client.post("/api/tickets", json=vehicle("bab123")), 409, "vehicle-inside")
    assert refused["message"] == refused["detail"]


async def test_a_full_garage_refuses_entry(client: httpx.AsyncClient) -> None:
    await spaces(client, 2)
    first = await enter(client, "AB1")
    await enter(client, "AB2")
    refused = problem(await client.post("/api/tickets", json=vehicle("AB3")), 409, "garage-full")
    assert refused["message"] == refused["detail"]
    stats = (await client.get("/api/garage/stats")).json()
    assert (stats["availableSpaces"], stats["occupiedSpacesPercentage"], stats["availableSpacesPercentage"]) == (
        0,
        100,
        0,
    )
    assert (await client.put(f"/api/tickets/{first['ticketNumber']}/exit", json=CARD)).status_code == 200
    await enter(client, "AB3")


async def test_fifty_clients_want_the_last_spaces(
    client: httpx.AsyncClient, module_service: Service, database: Database
) -> None:
    await spaces(client, 7)
    limits = httpx.Limits(max_connections=50)
    async with httpx.AsyncClient(base_url=module_service.url, timeout=60, limits=limits, trust_env=False) as crowd:
        answers = await asyncio.gather(*(crowd.post("/api/tickets", json=vehicle(f"AB{n}")) for n in range(50)))
        assert Counter(answer.status_code for answer in answers) == {201: 7, 409: 43}
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "garage-full")
        numbers = [answer.json()["ticketNumber"] for answer in answers if answer.status_code == 201]
        assert len(set(numbers)) == 7
        # Each of the seven is let out by seven desks at once, and pays once.
        exits = await asyncio.gather(*(crowd.put(f"/api/tickets/{number}/exit", json=CARD) for number in numbers * 7))
    assert Counter(answer.status_code for answer in exits) == {200: 7, 409: 42}
    assert database.psql("select count(*), sum(amount_cents) from parking.payments") == "7|7000"
    stats = (await client.get("/api/garage/stats")).json()
    assert (stats["occupiedSpaces"], stats["todaysRevenue"], stats["vehiclesProcessedToday"]) == (0, 70.0, 7)


ROUTES = (
    ("GET", "/api/garage/stats", None),
    ("POST", "/api/tickets", vehicle()),
    ("GET", "/api/tickets/PS-0001", None),
    ("PUT", "/api/tickets/PS-0001/exit", CARD),
    ("GET", "/api/activities", None),
)


async def test_without_the_setting_they_take_a_token_of_somebody_who_may(database: Database) -> None:
    """Which lot that is need not be said where the tenant has one garage."""
    with Service(database) as service:
        async with client_of(service) as client:
            for method, path, body in ROUTES:
                problem(await client.request(method, path, json=body), 401, "not-signed-in")
            driver, desk = await sign_in(client, DRIVER_1), await sign_in(client, OPERATOR)
            for method, path, body in ROUTES:
                problem(await client.request(method, path, json=body, headers=driver), 403, "not-permitted")
                answer = await client.request(method, path, json=body, headers=desk)
                assert answer.is_success, answer.text
            problem(await client.get("/api/garage/stats?lot=2", headers=desk), 404, "no-garage")
            problem(await client.get("/api/garage/stats?lot=999999", headers=desk), 404, "unknown-lot")


async def test_with_the_setting_a_token_is_still_its_own(client: httpx.AsyncClient) -> None:
    """Somebody else's token is not made better by what anybody may do without one."""
    driver = await sign_in(client, DRIVER_1)
    for method, path, body in ROUTES:
        problem(await client.request(method, path, json=body, headers=driver), 403, "not-permitted")
        bad = {"Authorization": "Bearer invented"}
        problem(await client.request(method, path, json=body, headers=bad), 401, "invalid-token")


async def test_without_a_token_there_is_one_garage(client: httpx.AsyncClient, database: Database) -> None:
    database.psql(f"select parking.set_garage({OF_OPERATOR}, 2, 100)")
    elsewhere = database.psql(f"select ticket_number from parking.enter_garage({OF_OPERATOR}, 2, 'ELSE1')")
    problem(await client.get("/api/garage/stats?lot=2"), 401, "not-signed-in")
    problem(await client.post("/api/tickets?lot=2", json=vehicle()), 401, "not-signed-in")
    told = []
    for number in (elsewhere, "PS-9999"):
        shown = problem(await client.get(f"/api/tickets/{number}"), 404, "unknown-ticket")
        left = problem(await client.put(f"/api/tickets/{number}/exit", json=CARD), 404, "unknown-ticket")
        told.append(str([shown, left]).replace(number, "…"))
    assert told[0] == told[1], "a stranger does not learn which tickets there are elsewhere"
    assert (await client.get("/api/activities")).json() == []
    desk = await sign_in(client, OPERATOR)
    assert (await client.get("/api/garage/stats?lot=2", headers=desk)).json()["occupiedSpaces"] == 1
    assert (await client.get(f"/api/tickets/{elsewhere}", headers=desk)).json()["status"] == "active"
    assert database.psql("select status from parking.tickets where lot_id = 2") == "open"


async def test_who_is_inside_of_a_retired_lot_may_leave(client: httpx.AsyncClient, database: Database) -> None:
    """Whose lot was retired before that was refused while vehicles are inside; by the garage's clock all the same."""
    operator = await sign_in(client, OPERATOR)
    paid, lost, void = [(await enter(client, plate))["ticketNumber"] for plate in ("P1", "L1", "V1")]
    problem(await client.delete("/api/lots/4", headers=operator), 409, "garage-not-empty")
    database.psql("update parking.lots set retired_at = parking.clock() where id = 4")
    answers = [
        await client.get(f"/api/tickets/{paid}"),
        await client.put(f"/api/tickets/{paid}/exit", json=CARD),
        await client.post(
            f"/api/tickets/{lost}/lost", json={"payment_method": "Cash", "reason": "Lost"}, headers=operator
        ),
        await client.post(f"/api/tickets/{void}/void", json={"reason": "Error"}, headers=operator),
        await client.post(
            f"/api/tickets/{paid}/refunds", json={"amount_cents": 100, "reason": "Kindness"}, headers=operator
        ),
        await client.get(f"/api/tickets/{paid}/due", headers=operator),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 201, 200], [a.text for a in answers]
    left = dt.datetime.fromisoformat(answers[1].json()["exitTime"])
    assert left.utcoffset() == left.astimezone(BERLIN).utcoffset()
    assert database.psql("select count(*) from parking.tickets where status = 'open'") == "0"


async def test_what_the_desk_does_is_done_in_its_name(client: httpx.AsyncClient, database: Database) -> None:
    await enter(client)
    desk = f"select parking.find_person('{OPEN['PARKING_GARAGE_DESK']}')"
    assert database.psql("select entered_by from parking.tickets") == database.psql(desk)


@pytest.mark.parametrize(
    "desk", ["nobody@parking.com", "driver1@parking.com", "operator@parking.com", "admin@parking.com"]
)
async def test_a_desk_without_an_attendant_is_open_to_nobody(database: Database, desk: str) -> None:
    """Whoever else this account may be, in data that were restored, say: nobody acts in its name without a token."""
    with Service(database, environ=OPEN | {"PARKING_GARAGE_DESK": desk}) as service:
        async with client_of(service) as client:
            checks = (await client.get("/readyz")).json()["checks"]
            assert checks["garage"]["status"] == "warning"
            told = problem(await client.get("/api/garage/stats"), 401, "unknown-actor")
            assert told["detail"] in checks["garage"]["detail"]
            problem(await client.post("/api/tickets", json=vehicle()), 401, "unknown-actor")


async def test_a_desk_that_can(client: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz")).json()["checks"]["garage"]["status"] == "ok"


# The house's own routes.


async def test_lost_void_and_refunded_tickets_balance(client: httpx.AsyncClient, database: Database) -> None:
    desk, operator = await sign_in(client, "attendant@parking.com"), await sign_in(client, OPERATOR)
    void, lost, paid = [(await enter(client, plate))["ticketNumber"] for plate in ("V1", "L1", "P1")]
    due = (await client.get(f"/api/tickets/{lost}/due", headers=desk)).json()
    assert (due["total_cents"], due["currency"], len(due["lines"])) == (1000, "EUR", 1)
    (line,) = due["lines"]
    assert (line["kind"], line["tariff"], line["minutes"], line["reason"]) == ("started", "Standard", 60, None)
    answer = await client.post(f"/api/tickets/{void}/void", json={"reason": "A mistake"}, headers=desk)
    assert (answer.status_code, answer.json()["amountPaid"]) == (200, 0)
    found = await client.get("/api/lots/4/garage/ticket", params={"what": "l 1"}, headers=desk)
    assert (found.status_code, found.json()["ticketNumber"]) == (200, lost)
    found = await client.get("/api/lots/4/garage/ticket", params={"what": lost.lower()}, headers=desk)
    assert found.json()["ticketNumber"] == lost
    body = {"payment_method": "cash", "reason": "Blown away"}
    answer = await client.post(f"/api/tickets/{lost}/lost", json=body, headers=desk)
    assert (answer.status_code, answer.json()["ticketNumber"], answer.json()["amountPaid"]) == (200, lost, 1000)
    problem(await client.post(f"/api/tickets/{lost}/lost", json=body, headers=desk), 409, "ticket-closed")
    await client.put(f"/api/tickets/{paid}/exit", json=CARD)
    refund = {"amount_cents": 400, "reason": "The lift"}
    problem(await client.post(f"/api/tickets/{paid}/refunds", json=refund, headers=desk), 403, "not-permitted")
    answer = await client.post(f"/api/tickets/{paid}/refunds", json=refund, headers=operator)
    assert (answer.status_code, answer.json()["amount_cents"], answer.json()["payment_method"]) == (
        201,
        -400,
        "Credit Card",
    )
    answer = await client.post(f"/api/tickets/{paid}/refunds", json={**refund, "amount_cents": 700}, headers=operator)
    problem(answer, 422, "not-an-amount")
    balance = (await client.get("/api/lots/4/garage/balance", headers=operator)).json()
    assert (balance["amount_cents"], balance["line_cents"], balance["payment_cents"]) == (1600, 1600, 1600)
    assert balance["out_of_balance"] == []
    assert (await client.get("/api/garage/stats")).json()["todaysRevenue"] == 16.0
    database.psql(f"update parking.tickets set amount_cents = 7 where ticket_number = '{paid}'")
    balance = (await client.get("/api/lots/4/garage/balance", headers=operator)).json()
    assert balance["out_of_balance"] == [paid], "the proof can fail"


async def test_settings_are_changed_one_by_one(client: httpx.AsyncClient) -> None:
    operator = await sign_in(client, OPERATOR)
    for body, expected in (
        ({"assumed_stay_hours": 2.6}, (140, 2.6)),
        ({"spaces": 20}, (20, 2.6)),
        ({}, (20, 2.6)),
        ({"spaces": None, "assumed_stay_hours": 4}, (20, 4)),
    ):
        answer = await client.put("/api/lots/4/garage", json=body, headers=operator)
        assert answer.status_code == 200, answer.text
        garage = answer.json()
        assert (garage["spaces"], garage["assumed_stay_hours"]) == expected
    for wrong in ({"spaces": 0}, {"spaces": 100_001}, {"assumed_stay_hours": 0}, {"assumed_stay_hours": 168.1}):
        problem(await client.put("/api/lots/4/garage", json=wrong, headers=operator), 422, "not-a-garage")


async def test_a_booking_has_a_price(client: httpx.AsyncClient, database: Database) -> None:
    """As it is quoted when it is made or moved; and none in a lot that has no tariff."""
    driver = await sign_in(client, DRIVER_1)
    spot = int(database.psql("select min(id) from parking.spots where lot_id = 4"))
    answer = await client.post("/reservations", json=booking(spot, hours=(8, 10)), headers=driver)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["price"] == {"cents": 2000, "currency": "EUR"}
    assert (await client.get(f"/reservations/{made['id']}", headers=driver)).json()["price"] == made["price"]
    change = {"end_time": booking(spot, hours=(8, 13))["end_time"]}
    moved = await client.patch(f"/api/reservations/{made['id']}", json=change, headers=driver)
    assert moved.json()["price"] == {"cents": 5000, "currency": "EUR"}
    free = (await client.post("/reservations", json=booking(1, hours=(8, 10)), headers=driver)).json()
    assert free["price"] is None
    listed = (await client.get("/api/reservations", headers=driver)).json()
    assert {each["id"]: each["price"] for each in listed} == {made["id"]: moved.json()["price"], free["id"]: None}
    for number in (made["id"], free["id"]):
        answer = await client.post(f"/api/reservations/{number}/cancel", headers=driver)
        assert answer.status_code == 200, answer.text
    assert answer.json()["price"] is None


async def test_reports(client: httpx.AsyncClient, database: Database) -> None:
    operator = await sign_in(client, OPERATOR)
    hostile = '=HYPERLINK("http://evil.example","x"),\n\''
    answer = await client.post("/api/tickets", json=vehicle("CSV1", hostile.replace("\n", " ")))
    assert answer.status_code == 201, answer.text
    await client.put(f"/api/tickets/{answer.json()['ticketNumber']}/exit", json=CARD)
    for plate, kind in (("CSV2", "+1"), ("CSV3", "-1"), ("CSV4", "@x"), ("CSV5", "Car")):
        assert (await client.post("/api/tickets", json=vehicle(plate, kind))).status_code == 201
    today = database.psql("select today from parking.find_lot()")
    params = {"from": today, "until": today}
    report = (await client.get("/api/lots/4/garage/report", params=params, headers=operator)).json()
    assert (report["revenue_cents"], report["currency"], report["entered"], report["left"]) == (1000, "EUR", 5, 1)
    assert sum(length["stays"] for length in report["lengths"]) == 1
    assert [(each["tariff"], each["amount_cents"]) for each in report["tariffs"]] == [("Standard", 1000)]
    assert report["days"][0]["most_inside"] == 4, "the first had left before the others came"

    headers = operator | {"Accept": "text/csv"}
    answer = await client.get("/api/lots/4/garage/tickets.csv", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="garage-4-{today}-{today}-tickets.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["vehicle"][:2] for row in rows] == ["'=", "'+", "'-", "'@", "Ca"]
    assert (rows[0]["amount"], rows[0]["currency"], rows[1]["amount"]) == ("10.00", "EUR", "")
    assert dt.datetime.fromisoformat(rows[0]["entered_at"]).utcoffset() == dt.timedelta(0)
    days = await client.get("/api/lots/4/garage/report.csv", params=params, headers=headers)
    assert [row["revenue"] for row in csv.DictReader(io.StringIO(days.text))] == ["10.00"]
    for file in ("report", "report.csv", "tickets.csv", "report.pdf"):
        for wrong in ({"from": today}, {"from": "x", "until": today}, {}):
            answer = await client.get(f"/api/lots/4/garage/{file}", params=wrong, headers=operator)
            problem(answer, 400, "invalid-request")
        answer = await client.get(
            f"/api/lots/4/garage/{file}", params={"from": "2026-01-01", "until": "2027-12-31"}, headers=operator
        )
        problem(answer, 422, "not-a-period-of-days")
        assert (await client.get(f"/api/lots/4/garage/{file}", params=params)).status_code == 401


async def test_many_tickets_are_exported_whole(client: httpx.AsyncClient, database: Database) -> None:
    """More than lies in memory: none is missing, and none comes twice."""
    operator = await sign_in(client, OPERATOR)
    database.psql("""
        insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by)
        select 1, 4, n, 'P' || n, 'Car', parking.clock(), 3 from generate_series(1, 20000) n""")
    today = database.psql("select today from parking.find_lot()")
    address = f"/api/lots/4/garage/tickets.csv?from={today}&until={today}"
    async with client.stream("GET", address, headers=operator) as answer:
        lines = [line async for line in answer.aiter_lines()]
    assert sum(map(len, lines)) > 1024 * 1024
    assert {line.partition(",")[0] for line in lines[1:]} == {f"PS-{n:04}" for n in range(1, 20_001)}
    assert len(lines) == 20_001


async def test_the_report_on_paper(client: httpx.AsyncClient, database: Database) -> None:
    operator = await sign_in(client, OPERATOR)
    params = {"from": "2026-01-01", "until": "2026-04-10"}
    database.psql("update parking.lots set name = 'Ωmega Жизнь \U0001f697 漢字 <b>%s</b>' where id = 4")
    try:
        for language, word in (("en", "Report"), ("de", "Bericht")):
            headers = operator | {"Accept-Language": language, "Accept": "application/pdf"}
            answer = await client.get("/api/lots/4/garage/report.pdf", params=params, headers=headers)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/pdf"
            assert answer.content.startswith(b"%PDF-")
            assert f"{word}: Ωmega".encode("utf-16-be").hex().encode() in answer.content
            pages = re.search(rb"/Count (\d+)", answer.content)
            assert pages
            assert int(pages[1]) >= 3, "a hundred days"
    finally:
        database.psql("update parking.lots set name = 'Ostbahnhof' where id = 4")
