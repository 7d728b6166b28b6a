"""Cancelling and rescheduling, alone and against everything else that wants the spot or the reservation."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.conftest import Connect
from tests.sql.test_races import OVERLAPS, outcome
from tests.support.sql import (
    BOOK,
    CANCEL,
    COMPLETE,
    DRIVER_1,
    DRIVER_2,
    OPERATOR,
    RESCHEDULE,
    edit_function,
    hours_ahead,
    one_row,
    refused,
    shift_clock,
    waits_for_a_lock,
)

CANCEL_SIGNATURE = "parking.cancel(bigint,bigint)"
RESCHEDULE_SIGNATURE = "parking.reschedule(bigint,bigint,timestamptz,timestamptz)"
FIND = "select * from parking.find_reservation($1, $2)"


@pytest.fixture
async def service(connect: Connect) -> asyncpg.Connection:
    return await connect("parking_service")


async def booked(
    service: asyncpg.Connection, starts: datetime, ends: datetime, spot: int = 1, driver: int = DRIVER_1
) -> int:
    return int((await one_row(service, BOOK, driver, spot, starts, ends))["id"])


async def last_event(connect: Connect) -> asyncpg.Record:
    superuser = await connect("postgres")
    return await one_row(superuser, "select * from parking.events order by id desc limit 1")


# Cancelling.


async def test_what_is_cancelled_holds_nothing_and_cannot_be_cancelled_again(
    service: asyncpg.Connection, connect: Connect
) -> None:
    starts, ends = hours_ahead(1), hours_ahead(2)
    number = await booked(service, starts, ends)
    cancelled = await one_row(service, CANCEL, DRIVER_1, number)
    assert cancelled["status"] == "cancelled"
    assert cancelled["ended_at"] < starts
    event = await last_event(connect)
    assert (event["type"], event["reservation_id"], event["actor_id"]) == ("cancelled", number, DRIVER_1)
    assert (event["starts"], event["ends"], event["former_starts"]) == (starts, ends, None)

    await booked(service, starts, ends, driver=DRIVER_2)
    for statement in (CANCEL, COMPLETE):
        with refused("reservation-not-active", 409):
            await service.fetch(statement, DRIVER_1, number)
    with refused("reservation-not-active", 409):
        await service.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(3))
    assert (await one_row(service, FIND, DRIVER_1, number))["status"] == "cancelled"


async def test_what_has_begun_is_completed_and_not_cancelled(service: asyncpg.Connection) -> None:
    number = await booked(service, hours_ahead(-1), hours_ahead(1))
    for actor in (DRIVER_1, OPERATOR):
        with refused("reservation-begun", 409):
            await service.fetch(CANCEL, actor, number)
    await service.fetch(COMPLETE, DRIVER_1, number)


async def test_only_the_driver_and_operators_of_the_tenant_cancel(
    service: asyncpg.Connection, connect: Connect
) -> None:
    superuser = await connect("postgres")
    stranger = await superuser.fetchval("select id from parking.people where email = 'operator@riverside.com'")
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    with refused("not-your-reservation", 403):
        await service.fetch(CANCEL, DRIVER_2, number)
    with refused("unknown-reservation", 404):
        await service.fetch(CANCEL, stranger, number)
    with refused("unknown-reservation", 404):
        await service.fetch(CANCEL, DRIVER_1, None)
    with refused("unknown-actor", 401):
        await service.fetch(CANCEL, None, number)
    row = await one_row(service, CANCEL, OPERATOR, number)
    assert (row["status"], row["driver"]) == ("cancelled", "driver1@parking.com")
    assert (await last_event(connect))["actor_id"] == OPERATOR


async def test_what_was_cancelled_counts_in_no_peak_hour(service: asyncpg.Connection) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    assert await service.fetchval("select peak_hour from parking.stats()") is not None
    await service.fetch(CANCEL, DRIVER_1, number)
    assert await service.fetchval("select peak_hour from parking.stats()") is None


# Rescheduling.


async def test_a_booking_becomes_longer_shorter_and_another_days(service: asyncpg.Connection, connect: Connect) -> None:
    starts, ends = hours_ahead(3), hours_ahead(4)
    number = await booked(service, starts, ends)
    longer = await one_row(service, RESCHEDULE, DRIVER_1, number, None, ends + timedelta(hours=1))
    assert (longer["starts"], longer["ends"], longer["status"]) == (starts, ends + timedelta(hours=1), "active")
    event = await last_event(connect)
    assert (event["type"], event["starts"], event["ends"]) == ("rescheduled", starts, ends + timedelta(hours=1))
    assert (event["former_starts"], event["former_ends"]) == (starts, ends)

    earlier = await one_row(service, RESCHEDULE, DRIVER_1, number, hours_ahead(1), None)
    assert earlier["ends"] == longer["ends"]
    tomorrow = starts + timedelta(hours=24), ends + timedelta(hours=24)
    moved = await one_row(service, RESCHEDULE, DRIVER_1, number, *tomorrow)
    assert (moved["starts"], moved["ends"]) == tomorrow
    # The former times are free.
    await booked(service, starts, ends, driver=DRIVER_2)


async def test_where_nothing_changes_nothing_happens(service: asyncpg.Connection, connect: Connect) -> None:
    number = await booked(service, hours_ahead(-1), hours_ahead(1))
    row = await one_row(service, RESCHEDULE, DRIVER_1, number, None, None)
    again = await one_row(service, RESCHEDULE, DRIVER_1, number, row["starts"], row["ends"])
    assert row == again
    assert (await last_event(connect))["type"] == "booked"


async def test_it_may_take_what_adjoins_and_not_what_overlaps(service: asyncpg.Connection) -> None:
    noon = hours_ahead(12)
    number = await booked(service, noon - timedelta(hours=4), noon)
    await booked(service, noon + timedelta(hours=2), noon + timedelta(hours=4), driver=DRIVER_2)
    with refused("spot-taken", 409):
        await service.fetch(RESCHEDULE, DRIVER_1, number, None, noon + timedelta(hours=2, microseconds=1))
    with refused("spot-taken", 409):
        await service.fetch(RESCHEDULE, DRIVER_1, number, noon + timedelta(hours=3), noon + timedelta(hours=5))
    await service.fetch(RESCHEDULE, DRIVER_1, number, None, noon + timedelta(hours=2))
    # It may overlap with what it was itself.
    await service.fetch(RESCHEDULE, DRIVER_1, number, noon - timedelta(hours=1), noon + timedelta(hours=1))
    assert (await one_row(service, FIND, DRIVER_1, number))["starts"] == noon - timedelta(hours=1)


async def test_what_has_begun_keeps_its_start(service: asyncpg.Connection) -> None:
    starts = hours_ahead(-1)
    number = await booked(service, starts, hours_ahead(1))
    for other in (starts - timedelta(minutes=1), starts + timedelta(minutes=1), hours_ahead(2)):
        with refused("reservation-begun", 409):
            await service.fetch(RESCHEDULE, DRIVER_1, number, other, hours_ahead(3))
    await service.fetch(RESCHEDULE, DRIVER_1, number, starts, hours_ahead(3))
    await service.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(0.5))
    with refused("period-over", 422):
        await service.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(-0.5))


@pytest.mark.parametrize(
    ("slug", "starts", "ends"),
    [
        ("period-backwards", 3, None),
        ("period-backwards", None, 0.5),
        ("period-too-long", None, 26),
        ("period-over", -2, -1),
        ("period-too-early", -25, None),
        ("period-too-far", 24 * 365, 24 * 365 + 1),
        ("period-too-far", None, datetime.max.replace(tzinfo=UTC)),
    ],
)
async def test_a_period_that_may_not_be_booked_is_none_to_move_to(
    service: asyncpg.Connection, slug: str, starts: float | None, ends: float | datetime | None
) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    before = await one_row(service, FIND, DRIVER_1, number)
    now = datetime.now(UTC)
    period = [now + timedelta(hours=at) if isinstance(at, int | float) else at for at in (starts, ends)]
    with refused(slug, 422):
        await service.fetch(RESCHEDULE, DRIVER_1, number, *period)
    assert await one_row(service, FIND, DRIVER_1, number) == before


async def test_nobody_reschedules_into_a_maintenance(service: asyncpg.Connection) -> None:
    number = await booked(service, hours_ahead(5), hours_ahead(6))
    await service.fetch(
        "select * from parking.set_spot_state($1, 1, 'maintenance', 'Paint', $2)", OPERATOR, hours_ahead(3)
    )
    with refused("spot-in-maintenance", 409):
        await service.fetch(RESCHEDULE, DRIVER_1, number, hours_ahead(2), None)
    await service.fetch(RESCHEDULE, DRIVER_1, number, hours_ahead(4), None)


async def test_less_is_granted_whatever_has_been_said_since(service: asyncpg.Connection, connect: Connect) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(5))
    await service.fetch(
        "select * from parking.set_spot_state($1, 1, 'maintenance', 'Paint', $2)", OPERATOR, hours_ahead(9)
    )
    superuser = await connect("postgres")
    # A minute of a day that is not today, nor the day after tomorrow.
    day = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"][hours_ahead(-72).weekday()]
    await superuser.execute("select parking.change_lot($1, 1, opening_hours => $2)", OPERATOR, f"{day} 00:00-00:01")
    starts, ends = hours_ahead(2), hours_ahead(4)
    shorter = await one_row(service, RESCHEDULE, DRIVER_1, number, starts, ends)
    assert (shorter["starts"], shorter["ends"]) == (starts, ends)
    with refused("lot-closed", 422):
        await service.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(5))


async def test_less_is_granted_where_less_could_be_booked_by_now(service: asyncpg.Connection, connect: Connect) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(9))
    superuser = await connect("postgres")
    await superuser.execute(
        "select parking.change_lot($1, 1, longest_booking => '2 hours', booking_horizon => '3 hours')", OPERATOR
    )
    await service.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(8))
    # When it has lasted for longer than one may be now.
    await shift_clock(superuser, timedelta(hours=5))
    ends = hours_ahead(7)
    assert (await one_row(service, RESCHEDULE, DRIVER_1, number, None, ends))["ends"] == ends
    with refused("period-too-early", 422):
        await service.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(8))


async def test_less_is_granted_over_a_night_in_which_the_clocks_change(connect: Connect) -> None:
    """A day of a session's time zone has 23 hours then, or 25; a booking's hours are all of one hour."""
    superuser, service = await connect("postgres"), await connect("parking_service", timezone="Europe/Berlin")
    for noon in (datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 10, 30, 12, tzinfo=UTC)):
        await shift_clock(superuser, noon - datetime.now(UTC))
        starts, ends = noon + timedelta(hours=40), noon + timedelta(hours=47)
        number = await booked(service, starts, ends)
        await superuser.execute("select parking.change_lot($1, 1, booking_horizon => '3 hours')", OPERATOR)
        less = ends - timedelta(minutes=1)
        assert (await one_row(service, RESCHEDULE, DRIVER_1, number, None, less))["ends"] == less
        await superuser.execute("select parking.change_lot($1, 1, booking_horizon => '0')", OPERATOR)


async def test_only_its_driver_reschedules(service: asyncpg.Connection) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    for actor in (DRIVER_2, OPERATOR):
        with refused("not-your-reservation", 403):
            await service.fetch(RESCHEDULE, actor, number, None, hours_ahead(3))
    with refused("unknown-reservation", 404):
        await service.fetch(RESCHEDULE, DRIVER_1, number + 1, None, hours_ahead(3))


async def test_what_is_overdue_is_over_and_in_nobodys_way(service: asyncpg.Connection, connect: Connect) -> None:
    """No stale checker visits this database."""
    superuser = await connect("postgres")
    overdue = await booked(service, hours_ahead(-1), hours_ahead(1))
    later = await booked(service, hours_ahead(5), hours_ahead(6), driver=DRIVER_2)
    await shift_clock(superuser, timedelta(hours=2))
    with refused("reservation-not-active", 409):
        await service.fetch(RESCHEDULE, DRIVER_1, overdue, None, hours_ahead(4))
    # The constraint knows no clock: what is overdue has to be released first.
    await service.fetch(RESCHEDULE, DRIVER_2, later, hours_ahead(0.5), None)
    types = [row["type"] for row in await service.fetch("select type from parking.events_after()")]
    assert types == ["booked", "booked", "released", "rescheduled"]


# At the same time.


async def led_and_followed(
    connect: Connect, lead: tuple[str, *tuple[object, ...]], follow: tuple[str, *tuple[object, ...]]
) -> str:
    """How the second statement ended, which began before the first one had committed and waited for it."""
    leader, follower = await connect(), await connect()
    superuser = await connect("postgres")
    transaction = leader.transaction()
    await transaction.start()
    await leader.fetch(*lead)
    late = asyncio.create_task(outcome(follower.fetch(*follow)))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    return await late


async def test_who_reschedules_waits_for_who_books(service: asyncpg.Connection, connect: Connect) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    taken = (BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(3))
    assert await led_and_followed(connect, taken, (RESCHEDULE, DRIVER_1, number, None, hours_ahead(2.5))) == "PK409"


async def test_without_the_spots_lock_only_the_constraint_would_notice(
    service: asyncpg.Connection, connect: Connect
) -> None:
    """The negative control: the check reads too early, and what refuses is the law itself, in words of its own."""
    superuser = await connect("postgres")
    await edit_function(superuser, RESCHEDULE_SIGNATURE, "for update of s", "")
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    taken = (BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(3))
    assert await led_and_followed(connect, taken, (RESCHEDULE, DRIVER_1, number, None, hours_ahead(2.5))) == "23P01"


async def two_changes(service: asyncpg.Connection, connect: Connect) -> tuple[timedelta, timedelta]:
    """One window makes the end later while another one makes the start earlier: how far both got."""
    starts, ends = hours_ahead(4), hours_ahead(5)
    number = await booked(service, starts, ends)
    later = (RESCHEDULE, DRIVER_1, number, None, ends + timedelta(hours=1))
    earlier = (RESCHEDULE, DRIVER_1, number, starts - timedelta(hours=1), None)
    assert await led_and_followed(connect, later, earlier) == "00000"
    row = await one_row(service, FIND, DRIVER_1, number)
    return row["starts"] - starts, row["ends"] - ends


async def test_of_two_changes_of_one_booking_none_is_lost(service: asyncpg.Connection, connect: Connect) -> None:
    assert await two_changes(service, connect) == (timedelta(hours=-1), timedelta(hours=1))


async def test_without_its_locks_the_second_change_would_undo_the_first(
    service: asyncpg.Connection, connect: Connect
) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await edit_function(superuser, RESCHEDULE_SIGNATURE, "for update of s", "")
    await edit_function(superuser, RESCHEDULE_SIGNATURE, "for update;", ";")
    assert await two_changes(service, connect) == (timedelta(hours=-1), timedelta())


async def test_who_reschedules_waits_for_who_completes(service: asyncpg.Connection, connect: Connect) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    follow = (RESCHEDULE, DRIVER_1, number, None, hours_ahead(3))
    assert await led_and_followed(connect, (COMPLETE, DRIVER_1, number), follow) == "PK409"


async def test_without_the_reservations_lock_it_would_find_nothing_to_change(
    service: asyncpg.Connection, connect: Connect
) -> None:
    """The negative control: a fault of ours, where the locked function says PK409."""
    superuser = await connect("postgres")
    await edit_function(superuser, RESCHEDULE_SIGNATURE, "for update;", ";")
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    follow = (RESCHEDULE, DRIVER_1, number, None, hours_ahead(3))
    assert await led_and_followed(connect, (COMPLETE, DRIVER_1, number), follow) == "P0002"


async def cancelled_while_released(service: asyncpg.Connection, connect: Connect) -> str:
    """How a cancellation ended that waited for the stale checker, whose clock was two hours ahead."""
    superuser, dba = await connect("postgres"), await connect("parking_dba")
    number = await booked(service, hours_ahead(1), hours_ahead(1.5))
    await shift_clock(superuser, timedelta(hours=2))
    transaction = dba.transaction()
    await transaction.start()
    assert len(await dba.fetch("select * from parking.release_stale()")) == 1
    await shift_clock(superuser, timedelta())
    late = asyncio.create_task(outcome(service.fetch(CANCEL, DRIVER_1, number)))
    await waits_for_a_lock(superuser)
    await transaction.commit()
    return await late


async def test_who_cancels_waits_for_the_stale_checker(service: asyncpg.Connection, connect: Connect) -> None:
    assert await cancelled_while_released(service, connect) == "PK409"


async def test_without_its_lock_a_cancellation_would_find_nothing_to_change(
    service: asyncpg.Connection, connect: Connect
) -> None:
    """The negative control of the test above."""
    superuser = await connect("postgres")
    await edit_function(superuser, CANCEL_SIGNATURE, "for update;", ";")
    assert await cancelled_while_released(service, connect) == "P0002"


async def test_the_stale_checker_leaves_alone_what_is_just_being_cancelled(
    service: asyncpg.Connection, connect: Connect
) -> None:
    superuser, dba = await connect("postgres"), await connect("parking_dba")
    number = await booked(service, hours_ahead(1), hours_ahead(1.5))
    transaction = service.transaction()
    await transaction.start()
    await service.fetch(CANCEL, DRIVER_1, number)
    await shift_clock(superuser, timedelta(hours=2))
    assert await dba.fetch("select * from parking.release_stale()") == []
    await transaction.commit()
    assert await dba.fetch("select * from parking.release_stale()") == []
    assert (await one_row(service, FIND, DRIVER_1, number))["status"] == "cancelled"


async def test_whose_account_is_being_erased_reschedules_nothing(service: asyncpg.Connection, connect: Connect) -> None:
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    erase = ("select parking.erase_person($1, $1)", DRIVER_1)
    assert await led_and_followed(connect, erase, (RESCHEDULE, DRIVER_1, number, None, hours_ahead(3))) == "PK401"


async def everything_at_once(connect: Connect, *, rounds: int) -> Counter[str]:
    """Twelve drivers who book, move, cancel and complete on one spot while two sweep: how all of it ended."""
    drivers = [await connect() for _ in range(12)]
    sweepers = [await connect("parking_dba") for _ in range(2)]
    done = asyncio.Event()

    async def drive(index: int, connection: asyncpg.Connection) -> Counter[str]:
        choice = random.Random(index)  # noqa: S311 (no secret)
        ended: Counter[str] = Counter()
        actor = (DRIVER_1, DRIVER_2)[index % 2]

        async def attempt(change: Awaitable[object]) -> None:
            ended[await outcome(change)] += 1

        for _ in range(rounds):
            starts = hours_ahead(choice.uniform(-0.5, 3))
            try:
                row = await one_row(
                    connection, BOOK, actor, 1, starts, starts + timedelta(minutes=choice.randrange(1, 90))
                )
            except asyncpg.PostgresError as error:
                ended[error.sqlstate or "?"] += 1
                continue
            ended["00000"] += 1
            for _ in range(3):
                starts = hours_ahead(choice.uniform(-0.1, 3))
                ends = choice.choice((None, starts + timedelta(minutes=choice.randrange(1, 120))))
                await attempt(connection.fetch(RESCHEDULE, actor, row["id"], choice.choice((None, starts)), ends))
            await attempt(connection.fetch(choice.choice((CANCEL, COMPLETE)), actor, row["id"]))
        return ended

    async def sweep(connection: asyncpg.Connection) -> Counter[str]:
        ended: Counter[str] = Counter()
        while not done.is_set():
            ended[await outcome(connection.execute("call parking.sweep()"))] += 1
        return ended

    sweeping = [asyncio.create_task(sweep(connection)) for connection in sweepers]
    driven = await asyncio.gather(*(drive(index, connection) for index, connection in enumerate(drivers)))
    done.set()
    return sum([*driven, *await asyncio.gather(*sweeping)], Counter[str]())


async def test_booking_moving_cancelling_and_sweeping_one_spot_at_once_never_deadlock(connect: Connect) -> None:
    superuser = await connect("postgres")
    ended = await everything_at_once(connect, rounds=25)
    assert ended.keys() <= {"00000", "PK409", "PK422"}, ended
    assert ended["00000"] > 0
    assert await superuser.fetchval(OVERLAPS) == 0
    await shift_clock(superuser, timedelta(hours=8))
    await superuser.execute("call parking.sweep()")
    assert await superuser.fetchval("select count(*) from parking.reservations where status = 'active'") == 0
    # The record tells each life in order: one beginning, periods that follow from one another, one end.
    lives = await superuser.fetch("""
        select r.id, r.status, r.starts, r.ends, array_agg(e.type order by e.id) as types,
               array_agg(array[e.former_starts, e.former_ends, e.starts, e.ends] order by e.id) as periods
        from parking.reservations r join parking.events e on e.reservation_id = r.id group by r.id, r.tenant_id""")
    moved = 0
    for life in lives:
        first, *between, last = life["types"]
        assert (first, set(between) <= {"rescheduled"}) == ("booked", True), life
        assert last in ({"cancelled"} if life["status"] == "cancelled" else {"completed", "released"}), life
        for before, after in zip(life["periods"], life["periods"][1:-1], strict=False):
            assert after[:2] == before[2:], life
        assert life["periods"][-1][2:] == [life["starts"], life["ends"]], life
        moved += len(between)
    assert moved > 0


async def rescheduled_between_a_booking_and_a_completion(service: asyncpg.Connection, connect: Connect) -> list[str]:
    """How both ended: a session that has booked completes a reservation that another one wants to extend into it."""
    leader, follower, superuser = (
        await connect(lock_timeout="0"),
        await connect(lock_timeout="0"),
        await connect("postgres"),
    )
    number = await booked(service, hours_ahead(1), hours_ahead(2))
    transaction = leader.transaction()
    await transaction.start()
    await leader.fetch(BOOK, DRIVER_2, 1, hours_ahead(2), hours_ahead(3))
    late = asyncio.create_task(outcome(follower.fetch(RESCHEDULE, DRIVER_1, number, None, hours_ahead(2.5))))
    await waits_for_a_lock(superuser)
    completed = await outcome(leader.fetch(COMPLETE, DRIVER_1, number))
    await (transaction.commit() if completed == "00000" else transaction.rollback())
    return [completed, await late]


async def test_who_reschedules_holds_nothing_while_it_waits_for_the_spot(
    service: asyncpg.Connection, connect: Connect
) -> None:
    assert await rescheduled_between_a_booking_and_a_completion(service, connect) == ["00000", "PK409"]


async def test_without_the_spots_lock_it_deadlocks(service: asyncpg.Connection, connect: Connect) -> None:
    """The negative control of the two tests above: the order of locks is what keeps 40P01 away."""
    superuser = await connect("postgres")
    await edit_function(superuser, RESCHEDULE_SIGNATURE, "for update of s", "")
    assert "40P01" in await rescheduled_between_a_booking_and_a_completion(service, connect)
    assert await superuser.fetchval(OVERLAPS) == 0
