"""db/backup and db/restore: what was there is there again, for everybody, and a bad file costs nothing."""

import asyncio
import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from websockets.asyncio.client import connect as open_socket

from tests.api.asking import booking
from tests.support import (
    DRIVER_1,
    ROOT,
    Cluster,
    CommandFailed,
    Database,
    Service,
    deploy,
    run,
    sign_in,
    sqitch,
    temporary_cluster,
)

# A restore verifies dozens of changes, each with a psql of its own.
pytestmark = pytest.mark.timeout(600)

REPORTER = "city_reports"
TABLES = """
    select c.oid::regclass from pg_class c
    where c.relnamespace in ('parking'::regnamespace, 'parking_private'::regnamespace, 'sqitch'::regnamespace)
      and c.relkind = 'r'
    order by 1"""
# What a restore changes on purpose.
OTHERWISE = {
    *("parking_private.event_log", "parking_private.tallies", "parking_private.tally_mark"),
    *("parking_private.lot_tally_mark", "parking.lot_tallies"),
}


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """As `make up` has it: pg_cron lives in the very database that is restored, and holds on to it."""
    with temporary_cluster("--cron-database", "parking") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def parking(own_cluster: Cluster) -> Database:
    """With a login that no migration makes, and a job of pg_cron that is somebody else's."""
    database = Database(own_cluster, "parking")
    deploy(database)
    database.psql(f"""
        create role {REPORTER} login in role parking_reporting;
        select parking.add_reporter('{REPORTER}', 'default');
        create database neighbour;
        select cron.schedule_in_database('the neighbour''s', '5 4 * * *', 'select 1', 'neighbour')""")
    return database


def back_up(database: Database, folder: Path) -> Path:
    """The file that db/backup has made."""
    output = run(ROOT / "db" / "backup", "--into", folder, database.name, environ=database.cluster.environ)
    return Path(output.strip().splitlines()[-1])


def restore(file: Path, database: Database) -> str:
    """db/restore's output."""
    return run(ROOT / "db" / "restore", file, database.name, environ=database.cluster.environ, seconds=300)


def contents(database: Database) -> dict[str, str]:
    """Of each table, how many rows there are and what is in them."""
    return {
        table: database.psql(f"select count(*), md5(string_agg(t::text, ' ' order by t::text)) from {table} t")
        for table in database.psql(TABLES).split()
        if table not in OTHERWISE
    }


def schema(database: Database) -> str:
    """Everything but rows: owners, grants, policies and the flags of row-level security included."""
    dump = run("pg_dump", "--schema-only", database.name, environ=database.cluster.environ)
    # Each dump carries a random key of its own; and `(a and b) and c` comes back without parentheses.
    return re.sub(r"^\\(un)?restrict .*$|[()]", "", dump, flags=re.MULTILINE)


def jobs(database: Database) -> str:
    """Those of the whole cluster."""
    return database.psql("select jobname, schedule, command, database, active from cron.job order by jobname")


def epoch(database: Database) -> int:
    return int(database.psql("select epoch from parking_private.event_log"))


def former_ones(database: Database) -> list[str]:
    """What restores have kept, oldest first."""
    return sorted(name for name in databases(database.cluster) if name.startswith("parking_until_"))


def databases(cluster: Cluster) -> set[str]:
    return set(cluster.psql("select datname from pg_database").split())


async def until(
    answers: httpx.AsyncClient, path: str, headers: dict[str, str], *, seconds: float = 60
) -> httpx.Response:
    """The first answer that is no 503."""
    deadline = time.monotonic() + seconds
    while (answer := await answers.get(path, headers=headers)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.1)
    return answer


async def test_a_running_service_finds_what_was_backed_up(parking: Database, tmp_path: Path) -> None:
    async with (
        Service(parking) as service,
        httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as client,
    ):
        driver = await sign_in(client)
        kept = (await client.post("/reservations", json=booking(1), headers=driver)).headers["location"]
        parking.psql("select cron.unschedule('parking sweep of parking')")
        rows, structure, before = contents(parking), schema(parking), jobs(parking)
        file = back_up(parking, tmp_path)
        cursor = parking.psql("select parking.event_cursor()", role="parking_dba")
        lost = (await client.post("/reservations", json=booking(2), headers=driver)).headers["location"]

        restore(file, parking)

        assert (await until(client, kept, driver)).json()["status"] == "active"
        assert (await client.get(lost, headers=driver)).status_code == 404
        assert contents(parking) == rows
        assert schema(parking) == structure
        # The one that was missing when it was backed up is there as well.
        assert set(jobs(parking).splitlines()) - set(before.splitlines()) == {
            "parking sweep of parking|* * * * *|call parking.sweep()|parking|t"
        }
        assert set(before.splitlines()) <= set(jobs(parking).splitlines())
        sqitch(parking, "check")
        sqitch(parking, "verify")

        # Whoever followed the record is told that theirs is another one.
        async with open_socket(f"{service.ws_url}/ws?after={quote(cursor)}", proxy=None) as socket:
            assert '"reset"' in str(await asyncio.wait_for(socket.recv(), 30))
        fresh = (await client.post("/reservations", json=booking(2), headers=driver)).headers["location"]
        assert (await client.get(fresh, headers=driver)).json()["status"] == "active"

        # What was there is not lost either.
        (former,) = former_ones(parking)
        assert (
            Database(parking.cluster, former).psql("select count(*) from parking.reservations where spot_id = 2") == "1"
        )

    overdue = parking.psql("""
        insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
        select 1, 1, 5, 1, c.now - interval '3 hours', c.now - interval '2 hours', c.now - interval '4 hours'
        from (select parking.clock() as now) c returning id""")
    # A launcher that has been thrown out stays away until a restart, in pg_cron 1.4. Then it sweeps what was restored.
    parking.cluster.stop()
    parking.cluster.start("--cron-database", "parking")
    deadline = time.monotonic() + 200
    while parking.psql(f"select status from parking.reservations where id = {overdue}") != "completed":
        assert time.monotonic() < deadline, "pg_cron has not swept within three minutes"
        await asyncio.sleep(0.5)
    assert parking.psql(f"select type from parking.events where reservation_id = {overdue}") == "released"


def test_what_is_damaged_is_refused_and_changes_nothing(parking: Database, tmp_path: Path) -> None:
    good = back_up(parking, tmp_path / "good")
    rows, there = contents(parking), databases(parking.cluster)

    def damage(name: str, content: bytes, *, resign: bool = False) -> Path:
        folder = tmp_path / name
        shutil.copytree(good.parent, folder)
        file = folder / good.name
        file.write_bytes(content)
        if resign:
            sums = "".join(
                f"{hashlib.sha256(part.read_bytes()).hexdigest()}  {part.name}\n"
                for part in (file, file.with_suffix(".roles.sql"))
            )
            file.with_suffix(".sha256").write_text(sums)
        return file

    whole = good.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    missing = damage("missing", whole)
    missing.with_suffix(".sha256").unlink()
    for file in (
        damage("flipped", bytes(flipped)),
        damage("truncated", whole[: len(whole) * 3 // 4]),
        missing,
        # What is wrong with these only PostgreSQL can tell.
        damage("truncated-and-signed", whole[: len(whole) * 3 // 4], resign=True),
        damage("no-archive", b"-- nothing to restore\n", resign=True),
    ):
        with pytest.raises(CommandFailed):
            restore(file, parking)
        assert contents(parking) == rows, file.parent.name
        assert databases(parking.cluster) == there, file.parent.name


def test_what_does_not_verify_is_taken_back_and_no_two_lives_have_one_epoch(parking: Database, tmp_path: Path) -> None:
    good = back_up(parking, tmp_path / "good")
    parking.psql("drop function parking.stats(bigint, bigint)")
    bad = back_up(parking, tmp_path / "bad")
    epochs = [epoch(parking)]
    restore(good, parking)
    epochs.append(epoch(parking))

    rows, there = contents(parking), databases(parking.cluster)
    with pytest.raises(CommandFailed, match="stats"):
        restore(bad, parking)
    assert contents(parking) == rows
    assert databases(parking.cluster) == there
    assert epoch(parking) == epochs[-1]
    parking.psql("select 1", role="parking_service")

    # The file says the first epoch each time.
    parking.cluster.psql(f"drop database {former_ones(parking)[0]}")
    restore(good, parking)
    assert [*epochs, epoch(parking)] == [epochs[0], epochs[0] + 1, epochs[0] + 2]


def test_a_cluster_that_has_never_heard_of_us(parking: Database, tmp_path: Path) -> None:
    file = back_up(parking, tmp_path)
    with temporary_cluster("--without-cron") as cluster:
        restored = Database(cluster, "parking")
        restore(file, restored)
        assert contents(restored) == contents(parking)
        deploy(restored)  # nothing is left to do
        assert restored.psql("select count(*) from parking.bookings", role=REPORTER) != ""
        assert restored.psql(f"select parking.find_person('{DRIVER_1}')", role="parking_dba") == "1"
        settings = "select setconfig from pg_db_role_setting where setrole = 'parking_service'::regrole"
        assert cluster.psql(settings) == parking.cluster.psql(settings) != ""
