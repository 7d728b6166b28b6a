"""Who looks cannot keep others from booking, and nobody has all of what there is only so much of."""

import asyncio
import contextlib
import datetime as dt

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket

from service.overseeing import MOST_VIEWS_ALONE
from tests.page.board import at
from tests.page.test_operate import cookie
from tests.support import DRIVER_1, OPERATOR, Database, Service, sign_in

STRANGERS = 12

# All ask for the same connections.
ONE_POOL = """
import runpy
from service import database
of_its_own = database.Database._connection
database.Database._connection = lambda self, name: of_its_own(self, "main" if name == "public" else name)
runpy.run_module("service", run_name="__main__")
"""


@pytest.mark.parametrize(("program", "status"), [(None, 201), (ONE_POOL, 503)], ids=["as it is", "with one pool"])
async def test_strangers_who_wait_keep_nobody_from_booking(
    database: Database, day: dt.date, program: str | None, status: int
) -> None:
    """Boards are stuck behind a lock that no booking needs, and more strangers come than there are connections."""
    environ = {"PARKING_POOL_SIZE": "2"}
    async with (
        Service(database, environ=environ, program=program) as service,
        httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as http,
    ):
        headers = await sign_in(http, DRIVER_1)
        superuser = await database.connect("postgres")
        async with superuser.transaction():
            await superuser.execute("lock table parking.time_slots in access exclusive mode")
            refused: set[int] = set()
            come = [asyncio.create_task(look(http, f"/?date={day}", n, refused)) for n in range(STRANGERS)]
            # By now each has come, has waited in vain, and has come again.
            async with asyncio.timeout(60):
                while len(refused) < STRANGERS:  # noqa: ASYNC110 (as simple as can be)
                    await asyncio.sleep(0.05)
            period = {"start_time": at(day, 8).isoformat(), "end_time": at(day, 12).isoformat()}
            answer = await http.post("/api/reservations", json={"spot_id": 1, **period}, headers=headers)
            assert answer.status_code == status, answer.text
            for task in come:
                task.cancel()
            await asyncio.gather(*come, return_exceptions=True)
        await superuser.close()


async def look(http: httpx.AsyncClient, address: str, number: int, refused: set[int]) -> None:
    """Ask for a page, and ask again, whatever the answer."""
    while True:
        answer = await http.get(address)
        assert answer.status_code == 503
        refused.add(number)


async def test_one_operator_has_not_all_the_views(module_service: Service) -> None:
    operator, admin = cookie(module_service, OPERATOR), cookie(module_service, "admin@parking.com")
    address = f"{module_service.ws_url}/ws/operate?lot=1"
    async with contextlib.AsyncExitStack() as stack:

        async def opens(headers: dict[str, str]) -> ClientConnection:
            socket = await stack.enter_async_context(open_socket(address, additional_headers=headers, proxy=None))
            assert "tiles" in str(await asyncio.wait_for(socket.recv(), 30))
            return socket

        first, *_ = [await opens(operator) for _ in range(MOST_VIEWS_ALONE)]
        with pytest.raises(websockets.exceptions.InvalidStatus):
            await opens(operator)
        await opens(admin)
        # One that is closed makes room.
        await first.close()
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(websockets.exceptions.InvalidStatus):
                    await opens(operator)
                    break
                await asyncio.sleep(0.2)
