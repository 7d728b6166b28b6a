"""What always holds is seen not to hold, where somebody has broken it by force."""

import pytest

from tests.conftest import Connect
from tests.support.invariants import INVARIANTS, broken
from tests.support.sql import BOOK, DRIVER_1, hours_ahead

DAMAGE = {
    "no two live bookings of a spot overlap": """
        alter table parking.reservations drop constraint spot_taken;
        insert into parking.reservations (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at)
        select r.tenant_id, r.lot_id, r.spot_id, r.person_id, r.starts, r.ends, r.booked_at
        from parking.reservations r""",
    "every change of a booking has its event, and no other has": """
        update parking.reservations set status = 'completed', ended_at = parking.clock()""",
    "the board follows from the record": """
        update parking.events set type = 'cancelled'""",
    "the tally of a lot is the number of its reservations": """
        update parking_private.lot_tally_mark m set counted = r.last, ahead = r.last, noted = r.last
        from (select max(id) as last from parking.reservations) r""",
    "nothing crosses tenants": """
        update parking.events set tenant_id = (select t.id from parking.tenants t where t.slug = 'riverside')""",
}


@pytest.mark.parametrize("invariant", INVARIANTS)
async def test_damage_is_seen(connect: Connect, invariant: str) -> None:
    superuser, service = await connect("postgres"), await connect()
    await service.fetch(BOOK, DRIVER_1, 1, hours_ahead(0), hours_ahead(20))
    assert await broken(superuser) == []
    await superuser.execute(DAMAGE[invariant])
    assert any(found.startswith(invariant) for found in await broken(superuser))
