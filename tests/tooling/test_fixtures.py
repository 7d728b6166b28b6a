"""What the other tests stand on does what it says."""

from tests.conftest import Connect
from tests.support import Cluster, Database, psql


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
