"""What the other tests stand on does what it says."""

import pytest

from tests.conftest import LONGEST, Connect
from tests.support import ROOT, Cluster, CommandFailed, Database, new_database, psql, temporary_cluster


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
