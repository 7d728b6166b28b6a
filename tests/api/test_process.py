"""How the process starts and stops."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
import websockets

from tests.api.asking import booking, problem, waiting_for_locks
from tests.conftest import Connect
from tests.support import ROOT, Database, Service, sign_in
from tests.support.service import SERVERS, Server


def start(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`python -m service` with this environment, which it is expected not to like."""
    return subprocess.run(
        [sys.executable, "-m", "service"],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_wrong_configuration_ends_the_process_with_a_line_for_each_fault() -> None:
    ended = start({"PARKING_JWT_SECRET": "hidden", "PARKING_PORT": "x", "PARKING_SECURE_COOKIE": "hidden"})
    assert ended.returncode == 2
    assert {line.split()[0] for line in ended.stderr.splitlines()} == {
        "PARKING_DATABASE_URL",
        "PARKING_JWT_SECRET",
        "PARKING_PORT",
        "PARKING_SECURE_COOKIE",
    }
    assert "hidden" not in ended.stderr + ended.stdout


def test_a_port_in_use_is_not_shared(database: Database) -> None:
    with Service(database) as service:
        ended = start(dict(os.environ) | service.settings)
        assert ended.returncode == 1
        assert str(service.port) in ended.stderr
        assert "Traceback" not in ended.stderr
        assert httpx.get(f"{service.url}/spots", trust_env=False).status_code == 200


@pytest.mark.parametrize("server", SERVERS)
async def test_an_orderly_end_answers_what_runs_and_closes_the_sockets(
    database: Database, connect: Connect, server: Server
) -> None:
    async with Service(database, server=server) as service:
        holder = await connect("postgres")
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client:
            driver = await sign_in(client)
            sockets = [await websockets.connect(f"{service.ws_url}/ws") for _ in range(5)]
            for socket in sockets:
                assert "hello" in str(await socket.recv())
            async with holder.transaction():
                await holder.execute("select from parking.spots where id = 1 for update")
                request = asyncio.create_task(client.post("/reservations", json=booking(), headers=driver))
                await waiting_for_locks(database)
                stopping = asyncio.create_task(service.stop(seconds=10))
                await asyncio.sleep(0.2)
            assert (await request).status_code == 201
            await stopping
            for socket in sockets:
                with pytest.raises(websockets.ConnectionClosed):
                    await socket.recv()
                assert socket.close_code == 1012
        assert "Traceback" not in service.output()


async def test_an_interrupt_ends_it_as_well(service: Service) -> None:
    os.kill(service.pid, signal.SIGINT)
    await service.stop(seconds=10)
    assert "Traceback" not in service.output()


async def test_a_delayed_end_is_announced_first(database: Database) -> None:
    """Whoever balances the load learns that it ends while it still serves; sockets stay until it does."""
    async with (
        Service(database, environ={"PARKING_STOP_DELAY": "3"}) as service,
        httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as client,
        websockets.connect(f"{service.ws_url}/ws") as socket,
    ):
        await socket.recv()
        assert (await client.get("/readyz")).status_code == 200
        signalled = time.monotonic()
        os.kill(service.pid, signal.SIGTERM)
        while (answer := await client.get("/readyz")).status_code == 200:
            assert time.monotonic() - signalled < 2
        assert problem(answer, 503, "not-ready")["checks"]["service"]["status"] == "failed"
        async with httpx.AsyncClient(base_url=service.url, timeout=20, trust_env=False) as newcomer:
            assert (await newcomer.get("/spots")).status_code == 200
            assert (await newcomer.get("/livez")).status_code == 200
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 15)
        assert time.monotonic() - signalled > 2.5
        assert socket.close_code == 1012
        await service.stop(seconds=10)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_delay(database: Database, second: signal.Signals) -> None:
    async with Service(database, environ={"PARKING_STOP_DELAY": "600"}) as service:
        os.kill(service.pid, signal.SIGTERM)
        await asyncio.sleep(0.3)
        assert httpx.get(f"{service.url}/readyz", trust_env=False).status_code == 503  # noqa: ASYNC210
        os.kill(service.pid, second)
        await service.stop(seconds=10)
