"""pgbench at full load: CLIENTS connections as parking_service that do nothing but book, or insert.

The bookings are those of many drivers on the spots of a lot of their own, which has neither hours nor a price. A new
session spends as much on its first booking as on fifty later ones, and a service's sessions live for days: so the
measuring begins when every session has done WARM of them, and all turns are the same sessions'. Between two turns
pgbench is stopped as a job is by ^Z, and they wait for it.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from bisect import bisect
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.support import Database
from tests.support.cluster import PSQL

CLIENTS = 32
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
SPOTS = 1000
DRIVERS = 997  # no divisor of SPOTS, so that nobody always has the same spot
WARM = 50
WARM_WITHIN = 60.0
SETTLE_SECONDS = 0.2
LONGEST = 7200
"""Seconds after which pgbench would end by itself."""

PREPARE = f"""
    create schema bench;
    create sequence bench.turn cache 100;
    create table bench.bare (
        spot bigint, during tstzrange,
        exclude using gist (spot with =, during with &&)
    );
    with lot as (
        insert into parking.lots (tenant_id, name, time_zone) values (1, 'Bench', 'Europe/Berlin') returning id
    ), floor as (
        insert into parking.floors (tenant_id, lot_id, name, position)
        select 1, id, 'Bench', 1 from lot returning lot_id, id
    ), line as (
        insert into parking.rows (tenant_id, lot_id, floor_id, name, position)
        select 1, lot_id, id, 'Bench', 1 from floor returning lot_id, id
    )
    insert into parking.spots (tenant_id, lot_id, row_id, name, position)
    select 1, line.lot_id, line.id, 'Bench ' || n, n from line, generate_series(1, {SPOTS}) n;
    with driver as (
        insert into parking.people (tenant_id, email, display_name)
        select 1, 'bench' || n || '@example.org', 'Bench ' || n from generate_series(1, {DRIVERS}) n returning id
    )
    insert into parking.memberships (tenant_id, person_id, role) select 1, id, 'driver' from driver;
    grant usage on schema bench to parking_service;
    grant usage on sequence bench.turn to parking_service;
    grant insert on bench.bare to parking_service;
    -- Every turn is another hour of another spot, so that no booking is refused, and the year holds enough of them.
    -- They are counted from one moment on: sessions have turns in store, and an hour may begin before they take them.
    select format(
        'create function bench.hour(turn bigint) returns timestamptz language sql stable
        return timestamptz %L + interval ''1 hour'' * (turn / {SPOTS} + 1)',
        date_trunc('hour', current_timestamp)) \\gexec
    grant execute on function bench.hour to parking_service"""

BARE = f"""
    insert into bench.bare select t % {SPOTS}, tstzrange(bench.hour(t), bench.hour(t + {SPOTS}))
    from nextval('bench.turn') t"""
BOOK = f"""
    select b.id from nextval('bench.turn') t,
    parking.book({{driver}} + t % {DRIVERS}, {{spot}} + t % {SPOTS}, bench.hour(t), bench.hour(t + {SPOTS})) b"""


class Load:
    """A pgbench that repeats one statement until it is to finish."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    @property
    def over(self) -> bool:
        """Whether it has ended, of which finish() tells the reason."""
        return self._process.returncode is not None

    def send(self, number: signal.Signals) -> None:
        """As the shell does: SIGSTOP for ^Z, SIGCONT for fg. Nothing happens when it has ended."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def log(self) -> list[list[int]]:
        """A line for each transaction that is known to be over, as pgbench writes it.

        The client, how many it had done before, microseconds, the script, when it ended in seconds and microseconds
        since 1970, and of a steady rate by how many microseconds it began too late.
        """
        texts = [log.read_text(encoding="ascii") for log in self._folder.glob("log*")]
        # A thread's last line may not be whole.
        return [[int(word) for word in line.split()] for text in texts for line in text.split("\n")[:-1]]

    async def finish(self) -> list[list[int]]:
        """Let it end what it has begun; the whole log. No transaction may have failed."""
        # What it hears when the time of -T is over.
        self.send(signal.SIGALRM)
        self.send(signal.SIGCONT)
        output = (await self._process.communicate())[0].decode()
        assert self._process.returncode == 0, output
        assert re.search(r"number of failed transactions: 0 ", output), output
        return await asyncio.to_thread(self.log)


@asynccontextmanager
async def pgbench(database: Database, statement: str, *options: str) -> AsyncIterator[Load]:
    """pgbench with this statement, as parking_service."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "statement").write_text(statement + ";\n", encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(str(PSQL.with_name("pgbench")), "-n", "-M", "prepared", "-j", "2", "-T", str(LONGEST), *options),
            *("-l", f"--log-prefix={folder}/log", "-f", f"{folder}/statement", "-U", "parking_service", database.name),
            env={**os.environ, **database.cluster.environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield Load(process, folder)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Turn(NamedTuple):
    """From when to when, in seconds since 1970; transactions a second, and what each of them took, in seconds."""

    began: float
    ended: float
    rate: float
    latencies: list[float]


class Sessions:
    """CLIENTS sessions that repeat one statement while they have their turn.

    What they did is known once they have ended: `turns`, and `transactions`, those before and between them included.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._times: list[tuple[float, float]] = []
        self.turns: list[Turn] = []
        self.transactions = 0

    async def warm_up(self) -> None:
        """Let each of them do WARM."""
        done: Counter[int] = Counter()
        async with asyncio.timeout(WARM_WITHIN):
            while len(done) < CLIENTS or min(done.values()) < WARM:
                await asyncio.sleep(0.1)
                if self._load.over:
                    await self._load.finish()
                done = Counter(client for client, *_ in self._load.log())
        self._load.send(signal.SIGSTOP)

    async def turn(self, seconds: float) -> None:
        """Let them go on for so long, and a moment before, in which they notice what has been changed meanwhile."""
        self._load.send(signal.SIGCONT)
        await asyncio.sleep(SETTLE_SECONDS)
        began = time.time()
        await asyncio.sleep(seconds)
        self._times.append((began, time.time()))
        self._load.send(signal.SIGSTOP)

    async def end(self) -> None:
        """Let them end, and see what they did."""
        done = sorted((at + fraction / 1e6, took / 1e6) for _, _, took, _, at, fraction in await self._load.finish())
        self.transactions = len(done)
        for began, ended in self._times:
            latencies = [took for _, took in done[bisect(done, (began,)) : bisect(done, (ended,))]]
            assert len(latencies) > CLIENTS, f"{len(latencies)} transactions are no turn"
            self.turns.append(Turn(began, ended, len(latencies) / (ended - began), latencies))


@asynccontextmanager
async def sessions(database: Database, statement: str) -> AsyncIterator[Sessions]:
    """Sessions of this statement that are warm and wait for their first turn."""
    async with pgbench(database, statement, "-c", str(CLIENTS)) as load:
        those = Sessions(load)
        await those.warm_up()
        yield those
        await those.end()


def booking_statement(database: Database) -> str:
    """The statement that books, in a prepared database."""
    return BOOK.format(
        spot=database.psql("select min(spot_id) from parking.places where lot = 'Bench'"),
        driver=database.psql("select min(id) from parking.members where email like 'bench%'"),
    )


async def prepare(database: Database) -> None:
    """Make what the load needs, and tables as a database has them that is more than a minute old."""
    database.psql(PREPARE)
    for statement in (BARE, booking_statement(database)):
        async with sessions(database, statement) as load:
            await load.turn(3)
    database.psql("vacuum analyze")
