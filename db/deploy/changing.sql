-- Deploy parking:changing to pg
-- requires: booking
--
-- What becomes of a booking before it is over: cancel() takes it back, reschedule() gives it another period on its spot.
--
-- Lock order as in booking: person, spot, reservation. cancel() takes away and needs the reservation alone, like complete().
-- reschedule() wants time on a spot, so it queues up with those who book it: the spot's row first, then the reservation's.
-- A reservation never changes its spot, so which one to lock can be read before there is any lock. The period is judged as
-- book() judges one, by the time at which this request got its turn.

begin;

set local role parking_owner;

create function parking.cancel(
    actor       bigint,
    reservation bigint
)
    returns parking.bookings
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person  parking.people := parking_private.require_actor(actor, 'write:reservation');
    v_now     timestamptz;
    v_booking parking.bookings;
begin
    perform from parking.reservations r
    where r.tenant_id = v_person.tenant_id and r.id = cancel.reservation
    for update;

    v_now := parking.clock();
    v_booking := parking_private.require_booking(v_person, reservation, 'write:parking');
    perform parking_private.require_active(v_booking);
    if v_booking.starts <= v_now then
        perform parking_private.refuse('reservation-begun', format('Reservation %s of %s began on %s.', v_booking.id, v_booking.spot,
            parking_private.local_time(v_booking.starts, v_booking.time_zone)));
    end if;

    update parking.reservations r
    set status = 'cancelled', ended_at = v_now
    where r.tenant_id = v_person.tenant_id and r.id = cancel.reservation and r.status = 'active'
    returning r.status, r.ended_at
    into strict v_booking.status, v_booking.ended_at;

    perform parking_private.announce(v_person.tenant_id, 'cancelled', v_booking.lot_id, v_booking.spot_id, v_booking.id,
        v_person.id, v_booking.starts, v_booking.ends, v_now);
    return v_booking;
end
$$;

comment on function parking.cancel(bigint, bigint) is
$$Take back one's own reservation before it begins; its spot is free from this moment. Operators may cancel anybody's.

Problems: unknown-actor, not-permitted, unknown-reservation, not-your-reservation, reservation-not-active, reservation-begun.

Example:
    select c.spot, c.status, c.ended_at < c.starts as in_time
    from parking.book(parking.find_person('driver1@parking.com'), 2, 'tomorrow 08:00', 'tomorrow 12:00') b,
         parking.cancel(parking.find_person('driver1@parking.com'), b.id) c;
      spot  |  status   | in_time
    --------+-----------+---------
     Spot 2 | cancelled | t
    (1 row)$$;

grant execute on function parking.cancel(bigint, bigint) to parking_service, parking_dba;


create function parking.reschedule(
    actor       bigint,
    reservation bigint,
    starts      timestamptz default null,
    ends        timestamptz default null
)
    returns parking.bookings
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person   parking.people := parking_private.require_actor(actor, 'write:reservation');
    v_former   parking.bookings;
    v_limits   record;
    v_now      timestamptz;
    v_starts   timestamptz;
    v_ends     timestamptz;
    v_less     boolean;
    v_cents    bigint;
    v_currency text;
    v_booking  parking.bookings;
begin
    -- Whose account is being closed waits here, and then has no reservation left to change.
    perform from parking.people p
    where p.tenant_id = v_person.tenant_id and p.id = v_person.id and p.active
    for key share;
    if not found then
        perform parking_private.refuse('unknown-actor', 'This account has just been closed.');
    end if;
    v_former := parking_private.require_booking(v_person, reservation);

    select s.type, l.walk_ins, l.priced,
           make_interval(secs => extract(epoch from coalesce(l.longest_booking, t.longest_booking))) as longest,
           make_interval(secs => extract(epoch from coalesce(l.booking_horizon, t.booking_horizon))) as horizon
    into strict v_limits
    from parking.spots s
    join parking.lots l on l.tenant_id = s.tenant_id and l.id = s.lot_id
    join parking.tenants t on t.id = s.tenant_id
    where s.tenant_id = v_person.tenant_id and s.id = v_former.spot_id
    for update of s;
    perform from parking.reservations r
    where r.tenant_id = v_person.tenant_id and r.id = reschedule.reservation
    for update;

    v_now := parking.clock();
    -- Read again: it may have changed while this one waited.
    v_former := parking_private.require_booking(v_person, reservation);
    perform parking_private.require_active(v_former);
    if v_former.ends <= v_now then
        perform parking_private.refuse('reservation-not-active', format('Reservation %s of %s was over on %s.', v_former.id, v_former.spot,
            parking_private.local_time(v_former.ends, v_former.time_zone)));
    end if;
    v_starts := coalesce(reschedule.starts, v_former.starts);
    v_ends := coalesce(reschedule.ends, v_former.ends);
    if v_starts = v_former.starts and v_ends = v_former.ends then
        return v_former;
    elsif v_starts <> v_former.starts and v_former.starts <= v_now then
        perform parking_private.refuse('reservation-begun', format('Reservation %s of %s began on %s; its start stays.', v_former.id,
            v_former.spot, parking_private.local_time(v_former.starts, v_former.time_zone)));
    end if;
    -- Less of what one has is granted, whatever has been said of the limits, of the hours and of the spot since.
    v_less := v_starts >= v_former.starts and v_ends <= v_former.ends;
    if v_less then
        -- In seconds, as above: of two moments PostgreSQL tells days as well.
        v_limits.longest := greatest(v_limits.longest, make_interval(secs => extract(epoch from v_former.ends - v_former.starts)));
        v_limits.horizon := greatest(v_limits.horizon, make_interval(secs => extract(epoch from v_former.ends - v_now)));
    end if;
    perform parking_private.judge_period(v_starts, v_ends, v_now, v_limits.longest, v_limits.horizon, v_former.time_zone);
    if v_limits.priced then
        select q.cents, q.currency into v_cents, v_currency
        from parking_private.quote_booking(v_person, v_former.lot_id, v_limits.type, v_starts, v_ends) q;
    end if;
    if not v_less then
        perform parking_private.require_open(v_person.tenant_id, v_former.lot_id, v_starts, v_ends);
        perform parking_private.require_room(v_former.tenant_id, v_former.lot_id, v_former.spot_id, v_former.spot, v_starts, v_ends, v_now,
            v_former.time_zone, reservation);
        if v_limits.walk_ins then
            perform parking_private.require_capacity(v_former.tenant_id, v_former.lot_id, v_starts, v_ends, v_now, reservation);
        end if;
    end if;
    perform parking_private.release_overdue(v_person.tenant_id, v_former.spot_id, v_now);

    v_booking := v_former;
    update parking.reservations r
    set starts = v_starts, ends = v_ends, moves = r.moves + 1, quoted_cents = v_cents, currency = v_currency
    where r.tenant_id = v_person.tenant_id and r.id = reschedule.reservation and r.status = 'active'
    returning r.starts, r.ends, r.quoted_cents, r.currency
    into strict v_booking.starts, v_booking.ends, v_booking.quoted_cents, v_booking.currency;

    perform parking_private.announce(v_person.tenant_id, 'rescheduled', v_booking.lot_id, v_booking.spot_id, v_booking.id,
        v_person.id, v_booking.starts, v_booking.ends, v_now, v_former.starts, v_former.ends);
    return v_booking;
end
$$;

comment on function parking.reschedule(bigint, bigint, timestamptz, timestamptz) is
$$Give one's own reservation another period on its spot: longer, shorter or at another time; what is not given stays.

The new period is refused as parking.book() would refuse it, and then the former one stays. Less of the former period is granted
even where the spot is in maintenance, the lot closed or full, or its bookings are shorter by now. What the new period costs is kept with it. A reservation that has begun keeps its
start. Where nothing changes, nothing happens.

Problems: unknown-actor, not-permitted, unknown-reservation, not-your-reservation, reservation-not-active, reservation-begun,
period-backwards, period-over, period-too-early, period-too-far, period-too-long, lot-closed, spot-in-maintenance, spot-taken, garage-full.

Example:
    select r.spot, r.ends - r.starts as lasts
    from parking.book(parking.find_person('driver1@parking.com'), 3, 'tomorrow 08:00', 'tomorrow 12:00') b,
         parking.reschedule(parking.find_person('driver1@parking.com'), b.id, ends => 'tomorrow 14:30') r;
      spot  |  lasts
    --------+----------
     Spot 3 | 06:30:00
    (1 row)$$;

grant execute on function parking.reschedule(bigint, bigint, timestamptz, timestamptz) to parking_service, parking_dba;

commit;
