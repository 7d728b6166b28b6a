"""What the other tests stand on does what it says."""

import ast
import datetime as dt
from collections.abc import Iterator

import pytest

from tests.conftest import LONGEST, Connect
from tests.support import ROOT, Cluster, CommandFailed, Database, new_database, psql, temporary_cluster
from tests.support.days import LONGEST_SECONDS, seconds_to_wait, today


async def test_each_test_has_a_seeded_database_of_its_own(database: Database, connect: Connect) -> None:
    service = await connect("parking_service")
    assert await service.fetchval("select current_user") == "parking_service"
    dba = await connect("parking_dba")
    assert await dba.fetchval("select pg_has_role('parking_dba', 'member')")
    assert [row["name"] for row in await service.fetch("select name from parking.list_spots()")] == [
        f"Spot {number}" for number in range(1, 6)
    ]
    assert "Spot 3" in psql(
        database, "parking_dba", "select name, type from parking.list_spots() where type = 'handicap'"
    )


def test_a_cluster_without_cron_has_none(cluster_without_cron: Cluster) -> None:
    assert cluster_without_cron.psql("select current_setting('cron.database_name', true) is null") == "t"


def test_each_worker_has_a_cluster_of_its_own(cluster: Cluster, worker_id: str) -> None:
    assert cluster.name == ("test" if worker_id == "master" else f"test-{worker_id}")


async def test_a_database_goes_with_its_jobs_and_with_whoever_is_connected(
    cluster: Cluster, template: str, connect: Connect
) -> None:
    """The template's own deployment has made pg_cron's extension."""
    assert cluster.psql(f"select 1 from pg_database where datname = '{template}'") == "1"
    with new_database(cluster) as database, new_database(cluster) as other:
        for name in (database.name, other.name):
            cluster.psql(f"select cron.schedule_in_database('idle of {name}', '0 0 1 1 *', 'select 1', '{name}')")
        mine = f"('{database.name}', '{other.name}')"
        left = f"""
            select (select count(*) from pg_database where datname in {mine}),
                   (select count(*) from cron.job where database in {mine})"""
        assert cluster.psql(left) == "2|2"
        await connect("postgres", database)
    assert cluster.psql(left) == "0|0"


def test_a_database_that_cannot_be_dropped_is_no_secret(cluster: Cluster) -> None:
    with pytest.raises(CommandFailed), new_database(cluster) as database:
        cluster.psql(f"alter database {database.name} is_template true")
    cluster.psql(f"alter database {database.name} is_template false; drop database {database.name}")


def test_a_database_goes_quietly_with_a_cluster_that_is_stopped() -> None:
    with temporary_cluster("--without-cron") as cluster, new_database(cluster):
        cluster.stop()


def test_what_is_to_begin_first_is_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / f"{name}.py").exists()] == []


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        ("2026-11-22 22:50:00+00:00", 0),
        ("2026-11-22 22:58:30+00:00", 90),
        ("2026-11-22 23:00:00+00:00", 0),
        ("2026-12-31 23:59:59+00:00", 1),
        ("2027-03-27 22:59:00+00:00", 60),
        ("2027-03-28 21:59:00+00:00", 60),
        ("2027-10-30 21:59:00+00:00", 60),
        ("2027-10-31 22:59:00+00:00", 60),
    ],
)
def test_no_test_begins_when_a_midnight_is_near(now: str, seconds: float) -> None:
    moment = dt.datetime.fromisoformat(now)
    assert seconds <= LONGEST_SECONDS
    assert seconds_to_wait(moment) == pytest.approx(seconds + 0.1 if seconds else 0)
    assert seconds_to_wait(moment + dt.timedelta(seconds=seconds_to_wait(moment))) == 0


def run_at_import(node: ast.AST) -> Iterator[ast.Call]:
    """The calls in a module that are made when it is read: those in a function's body are not, its defaults are."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        later = node.body if isinstance(node.body, list) else [node.body]
    else:
        later = []
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        if child not in later:
            yield from run_at_import(child)


def test_no_test_asks_for_the_day_when_its_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may run an hour and a midnight later."""
    asking = {"now", "utcnow", "today", "hours_ahead"}

    def asked(text: str) -> list[str]:
        calls = [ast.unparse(call.func) for call in run_at_import(ast.parse(text))]
        return [call for call in calls if call.rpartition(".")[2] in asking]

    assert asked("DAY = dt.datetime.now(BERLIN).date()") == ["dt.datetime.now"]
    assert asked("def at(day=today()): return datetime.now(UTC)") == ["today"]
    assert asked("@mark.parametrize('hour', [hours_ahead(1)])\ndef test(hour): ...") == ["hours_ahead"]
    files = sorted((ROOT / "tests").rglob("*.py"))
    found = {path.name: asked(path.read_text()) for path in files if "bench" not in path.parts}
    assert {name: calls for name, calls in found.items() if calls} == {}
    # What works it out in a function of its own asks this one.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with pytest.raises(RuntimeError, match="while a test runs"):
        today()
