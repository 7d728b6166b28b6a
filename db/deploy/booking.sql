-- Deploy parking:booking to pg
-- requires: expiry
-- requires: overrides
-- requires: visiting
-- requires: pricing
-- requires: capacity
--
-- Lock order: request, person, spot, reservation. book() queues up with those who call their request the same. It shares the lock of
-- the person, whose account might just be closed, and
-- locks the spot's row, so that requests for one spot queue up: without it, partly overlapping inserts deadlock on the
-- exclusion constraint. complete() and the stale checker lock reservations only, and write nothing that refers to a spot.
-- In a lot with walk-ins, and in no other, the lot comes last: see capacity.
--
-- What a booking costs is mostly the number of its queries: to begin and to end one takes longer than to find a few rows. So
-- book() reads what belongs together in one query, and survey() tells which of the rules have anything to judge: mostly none.
--
-- After a lock each statement sees what was committed before, so everything here is VOLATILE and READ COMMITTED; under a
-- stricter isolation level the exclusion constraint still refuses what these checks could not see.

begin;

set local role parking_owner;

create function parking_private.judge_period(
    starts  timestamptz,
    ends    timestamptz,
    now     timestamptz,
    longest interval,
    horizon interval,
    zone    text
)
    returns tstzrange
    language plpgsql
    stable
as $$
begin
    if starts is null or ends is null then
        perform parking_private.refuse('period-incomplete', 'A booking needs a start and an end.');
    elsif starts >= ends then
        perform parking_private.refuse('period-backwards', 'The end must lie after the start.');
    elsif ends <= now then
        perform parking_private.refuse('period-over', 'This period is already over.');
    elsif starts < now - longest then
        perform parking_private.refuse('period-too-early',
            format('A booking may start on %s at the earliest.', parking_private.local_time(now - longest, zone)));
    elsif ends > now + horizon then
        perform parking_private.refuse('period-too-far',
            format('A booking may end on %s at the latest.', parking_private.local_time(now + horizon, zone)));
    elsif ends - starts > longest then
        perform parking_private.refuse('period-too-long',
            format('A booking here may last %s hours at most.', trim_scale(extract(epoch from longest) / 3600)));
    end if;
    return tstzrange(starts, ends);
end
$$;

comment on function parking_private.judge_period(timestamptz, timestamptz, timestamptz, interval, interval, text) is
    'The period, if it may be booked now, or its problem. Infinite times fail here too, as too early or too far.';


create function parking_private.blocked(
    tenant bigint,
    lot    bigint,
    spot   bigint,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz
)
    returns boolean
    -- Not in SQL, which would be planned anew in each call.
    language plpgsql
    volatile
as $$
begin
    return exists (
        select
        from parking.overrides o
        where o.tenant_id = blocked.tenant
          and o.lot_id = blocked.lot
          and o.spot_id = blocked.spot
          and o.ended_at is null
          and o.state = 'maintenance'
          and o.starts < blocked.ends
          and (o.ends is null or o.ends > greatest(blocked.starts, blocked.now))
    );
end
$$;

comment on function parking_private.blocked(bigint, bigint, bigint, timestamptz, timestamptz, timestamptz) is
    'Whether a spot is in maintenance at any moment of a period that lies ahead. Under the lock of the spot it stays so.';


create function parking_private.require_room(
    tenant bigint,
    lot    bigint,
    spot   bigint,
    name   text,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz,
    zone   text,
    but    bigint default null
)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_next timestamptz;
begin
    if parking_private.blocked(tenant, lot, spot, starts, ends, now) then
        perform parking_private.refuse('spot-in-maintenance', format('%s is in maintenance on %s.',
            name, parking_private.local_period(starts, ends, zone)));
    end if;
    -- The next one to end after the start; see the index.
    select r.starts into v_next
    from parking.reservations r
    where r.tenant_id = require_room.tenant
      and r.spot_id = require_room.spot
      and r.status = 'active'
      and r.ends > greatest(require_room.now, require_room.starts)
      and (require_room.but is null or r.id <> require_room.but)
    order by r.ends
    limit 1;
    if v_next < require_room.ends then
        perform parking_private.refuse('spot-taken', format('%s is already taken on %s.',
            name, parking_private.local_period(starts, ends, zone)));
    end if;
end
$$;

comment on function parking_private.require_room(
    bigint, bigint, bigint, text, timestamptz, timestamptz, timestamptz, text, bigint) is
    'Refuse a period on a spot that the caller has locked: spot-in-maintenance, or another booking''s but for the one that is to move: spot-taken.';


create function parking_private.survey(
    tenant      bigint,
    lot         bigint,
    spot        bigint,
    starts      timestamptz,
    ends        timestamptz,
    now         timestamptz,
    out hours   boolean,
    out crowded boolean,
    out overdue boolean
)
    language plpgsql
    volatile
as $$
begin
    select exists (select from parking.opening_hours h where h.tenant_id = survey.tenant and h.lot_id = survey.lot),
           exists (
               select from parking.overrides o
               where o.tenant_id = survey.tenant and o.lot_id = survey.lot and o.spot_id = survey.spot and o.ended_at is null
           )
           or coalesce((
               -- The next one to end after the start, as in require_room().
               select r.starts
               from parking.reservations r
               where r.tenant_id = survey.tenant and r.spot_id = survey.spot and r.status = 'active'
                 and r.ends > greatest(survey.now, survey.starts)
               order by r.ends
               limit 1
           ) < survey.ends, false),
           coalesce((
               -- The first one to end, as in release_overdue().
               select r.ends
               from parking.reservations r
               where r.tenant_id = survey.tenant and r.spot_id = survey.spot and r.status = 'active'
               order by r.ends
               limit 1
           ) <= survey.now, false)
    into hours, crowded, overdue;
end
$$;

comment on function parking_private.survey(bigint, bigint, bigint, timestamptz, timestamptz, timestamptz) is
    'Whether there is anything to judge of a period on a spot that the caller has locked: by require_open(), for the lot has hours; by require_room(), for somebody says or has booked something; by release_overdue().';


create function parking_private.require_booking(
    person      parking.people,
    reservation bigint,
    others      text default null
)
    returns parking.bookings
    language plpgsql
    volatile
as $$
declare
    v_holder  bigint;
    v_booking parking.bookings;
begin
    select r.person_id, r.tenant_id, r.id, r.lot_id, r.spot_id, s.name, p.email, r.starts, r.ends, r.status, r.booked_at, r.ended_at,
           l.time_zone, r.quoted_cents, r.currency
    into v_holder, v_booking.tenant_id, v_booking.id, v_booking.lot_id, v_booking.spot_id, v_booking.spot, v_booking.driver,
         v_booking.starts, v_booking.ends, v_booking.status, v_booking.booked_at, v_booking.ended_at, v_booking.time_zone,
         v_booking.quoted_cents, v_booking.currency
    from parking.reservations r
    join parking.spots s on s.tenant_id = r.tenant_id and s.id = r.spot_id
    join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
    join parking.people p on p.tenant_id = r.tenant_id and p.id = r.person_id
    where r.tenant_id = person.tenant_id and r.id = require_booking.reservation;
    if not found then
        perform parking_private.refuse('unknown-reservation',
            format('There is no reservation %s.', coalesce(reservation::text, 'without a number')));
    elsif v_holder <> person.id and (others is null or not parking_private.has_permission(person, others)) then
        perform parking_private.refuse('not-your-reservation', format('Reservation %s is another driver''s.', reservation));
    end if;
    return v_booking;
end
$$;

comment on function parking_private.require_booking(parking.people, bigint, text) is
    'A reservation of this person''s own, or anybody''s in the tenant for who has the permission that is named; or the problems unknown-reservation, not-your-reservation.';


create function parking_private.require_active(booking parking.bookings)
    returns void
    language plpgsql
    stable
as $$
begin
    if booking.status <> 'active' then
        perform parking_private.refuse('reservation-not-active', format('Reservation %s of %s was %s on %s.', booking.id, booking.spot,
            booking.status, parking_private.local_time(booking.ended_at, booking.time_zone)));
    end if;
end
$$;

comment on function parking_private.require_active(parking.bookings) is 'Refuse what has been cancelled or completed: reservation-not-active.';


create function parking_private.replay(
    person     parking.people,
    request_id text,
    spot       bigint,
    starts     timestamptz,
    ends       timestamptz
)
    returns parking.booking_result
    language plpgsql
    volatile
as $$
declare
    c_requests constant integer := 727567;  -- one at a time of those that one person gives one name
    v_former   record;
    v_booking  parking.bookings;
begin
    if length(request_id) not between 1 and 200 then
        perform parking_private.refuse('not-a-request-id', format('A request''s name has 1 to 200 characters, not %s.', length(request_id)));
    end if;
    perform pg_advisory_xact_lock(c_requests, hashtext(format('%s %s', person.id, request_id)));
    select r.id, r.spot_id, r.requested into v_former
    from parking.reservations r
    where r.tenant_id = person.tenant_id and r.person_id = person.id and r.request_id = replay.request_id;
    if not found then
        return null;
    elsif (v_former.spot_id, lower(v_former.requested), upper(v_former.requested)) is distinct from (replay.spot, replay.starts, replay.ends) then
        perform parking_private.refuse('request-id-reused', format('Reservation %s was made by another request of this name.', v_former.id));
    end if;
    v_booking := parking_private.require_booking(person, v_former.id);
    return (v_booking.tenant_id, v_booking.id, v_booking.lot_id, v_booking.spot_id, v_booking.spot, v_booking.driver, v_booking.starts,
        v_booking.ends, v_booking.status, v_booking.booked_at, v_booking.ended_at, v_booking.time_zone,
        v_booking.quoted_cents, v_booking.currency, true);
end
$$;

comment on function parking_private.replay(parking.people, text, bigint, timestamptz, timestamptz) is
    'The reservation that this person''s same request of this name has made; null: it has made none. Who asks meanwhile waits. Problems: not-a-request-id, request-id-reused.';


create function parking.book(
    actor      bigint,
    spot       bigint,
    starts     timestamptz,
    ends       timestamptz,
    request_id text default null
)
    returns parking.booking_result
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person   parking.people := parking_private.require_actor(actor, 'write:reservation');
    v_place    record;
    v_now      timestamptz;
    v_period   tstzrange;
    v_found    record;
    v_cents    bigint;
    v_currency text;
    v_booking  parking.booking_result;
begin
    if request_id is not null then
        v_booking := parking_private.replay(v_person, request_id, spot, starts, ends);
        if v_booking.replayed then
            return v_booking;
        end if;
    end if;

    select s.lot_id, s.id, s.name, s.type, l.time_zone, l.walk_ins, l.priced,
           -- In seconds, because a day of an interval is as long as the session's time zone makes it.
           make_interval(secs => extract(epoch from coalesce(l.longest_booking, t.longest_booking))) as longest,
           make_interval(secs => extract(epoch from coalesce(l.booking_horizon, t.booking_horizon))) as horizon
    into v_place
    from parking.people p
    join parking.spots s on s.tenant_id = p.tenant_id
    join parking.lots l on l.tenant_id = s.tenant_id and l.id = s.lot_id
    join parking.tenants t on t.id = s.tenant_id
    where p.tenant_id = v_person.tenant_id
      and p.id = v_person.id
      and p.active
      and s.id = book.spot
      and s.retired_at is null
    -- One after the other, in this order. Whose account is being closed waits here and then finds nothing; the foreign key would
    -- wait too, and not look again.
    for key share of p
    for update of s;
    if not found then
        if not exists (select from parking.people p where p.tenant_id = v_person.tenant_id and p.id = v_person.id and p.active) then
            perform parking_private.refuse('unknown-actor', 'This account has just been closed.');
        end if;
        perform parking_private.refuse('unknown-spot', format('There is no spot %s.', coalesce(spot::text, 'without a number')));
    end if;

    v_now := parking.clock();
    v_period := parking_private.judge_period(starts, ends, v_now, v_place.longest, v_place.horizon, v_place.time_zone);
    v_found := parking_private.survey(v_person.tenant_id, v_place.lot_id, v_place.id, starts, ends, v_now);
    if v_found.hours then
        perform parking_private.require_open(v_person.tenant_id, v_place.lot_id, starts, ends);
    end if;
    if v_found.crowded then
        perform parking_private.require_room(v_person.tenant_id, v_place.lot_id, v_place.id, v_place.name, starts, ends, v_now,
            v_place.time_zone);
    end if;
    if v_place.priced then
        select q.cents, q.currency into v_cents, v_currency
        from parking_private.quote_booking(v_person, v_place.lot_id, v_place.type, starts, ends) q;
    end if;
    if v_place.walk_ins then
        perform parking_private.require_capacity(v_person.tenant_id, v_place.lot_id, starts, ends, v_now);
    end if;
    -- Not before it is clear that the booking will stand: a refusal would take the release back, but not its LOG entry.
    if v_found.overdue then
        perform parking_private.release_overdue(v_person.tenant_id, v_place.id, v_now);
    end if;

    insert into parking.reservations as r (tenant_id, lot_id, spot_id, person_id, starts, ends, booked_at, quoted_cents, currency, request_id,
        requested)
    values (v_person.tenant_id, v_place.lot_id, v_place.id, v_person.id, book.starts, book.ends, v_now, v_cents, v_currency,
        book.request_id, case when book.request_id is not null then v_period end)
    returning r.tenant_id, r.id, r.lot_id, r.spot_id, v_place.name, v_person.email, r.starts, r.ends, r.status, r.booked_at, r.ended_at,
        v_place.time_zone, r.quoted_cents, r.currency, false
    into v_booking;

    perform parking_private.announce(v_person.tenant_id, 'booked', v_booking.lot_id, v_booking.spot_id, v_booking.id,
        v_person.id, v_booking.starts, v_booking.ends, v_now);
    return v_booking;
end
$$;

comment on function parking.book(bigint, bigint, timestamptz, timestamptz, text) is
$$Book a spot for a person from one moment up to, not including, another; returns the booking, and whether it was there before.

A period that has begun can be booked while its end lies ahead; the lot must be open during the whole of it, and where vehicles
without a booking may enter it must not be full at any moment of it. What it costs is kept with it. Requests
for one spot wait for one another. Under the spot's lock, bookings of it that are overdue are released first. In a transaction of a stricter isolation level
than READ COMMITTED an overlap may be refused by the constraint spot_taken itself (23P01).

Who may have to ask again, because an answer can be lost, gives the request a request_id that is new. The same request of the same
person then books once: asked again, it returns that reservation as it is now, replayed. What was refused has left nothing and
may be asked for again.

Problems: unknown-actor, not-permitted, unknown-spot, spot-taken, spot-in-maintenance, period-incomplete, period-backwards, period-over, period-too-early,
period-too-far, period-too-long, lot-closed, garage-full, not-a-request-id, request-id-reused.

Example:
    select spot, driver, ends - starts as period, status
    from parking.book(parking.find_person('driver1@parking.com'), 1, 'tomorrow 08:00', 'tomorrow 12:00');
      spot  |       driver        |  period  | status
    --------+---------------------+----------+--------
     Spot 1 | driver1@parking.com | 04:00:00 | active
    (1 row)

    select spot, replayed
    from parking.book(parking.find_person('driver1@parking.com'), 2, 'tomorrow 08:00', 'tomorrow 12:00', 'my first one');
      spot  | replayed
    --------+----------
     Spot 2 | f
    (1 row)

    select spot, replayed
    from parking.book(parking.find_person('driver1@parking.com'), 2, 'tomorrow 08:00', 'tomorrow 12:00', 'my first one');
      spot  | replayed
    --------+----------
     Spot 2 | t
    (1 row)

    select * from parking.book(parking.find_person('driver2@parking.com'), 1, 'yesterday 08:00', 'yesterday 12:00');
    ERROR:  This period is already over.
    DETAIL:  The period is over
    HINT:  Choose a period whose end lies in the future.$$;

grant execute on function parking.book(bigint, bigint, timestamptz, timestamptz, text) to parking_service, parking_dba;


create function parking.complete(
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
    where r.tenant_id = v_person.tenant_id and r.id = complete.reservation
    for update;

    v_now := parking.clock();
    v_booking := parking_private.require_booking(v_person, reservation);
    perform parking_private.require_active(v_booking);

    update parking.reservations r
    set status = 'completed', ended_at = v_now
    where r.tenant_id = v_person.tenant_id and r.id = complete.reservation and r.status = 'active'
    returning r.status, r.ended_at
    into strict v_booking.status, v_booking.ended_at;

    perform parking_private.announce(v_person.tenant_id, 'completed', v_booking.lot_id, v_booking.spot_id, v_booking.id,
        v_person.id, v_booking.starts, v_booking.ends, v_now);
    return v_booking;
end
$$;

comment on function parking.complete(bigint, bigint) is
$$End one's own reservation, now; its spot is free from this moment.

Problems: unknown-actor, not-permitted, unknown-reservation, not-your-reservation, reservation-not-active.

Example:
    select c.spot, c.status, c.ended_at <= parking.clock() as ended
    from parking.book(parking.find_person('driver1@parking.com'), 2, 'tomorrow 08:00', 'tomorrow 12:00') b,
         parking.complete(parking.find_person('driver1@parking.com'), b.id) c;
      spot  |  status   | ended
    --------+-----------+-------
     Spot 2 | completed | t
    (1 row)$$;

grant execute on function parking.complete(bigint, bigint) to parking_service, parking_dba;


create function parking.find_reservation(
    actor       bigint,
    reservation bigint
)
    returns parking.bookings
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return parking_private.require_booking(parking_private.require_actor(actor, 'read:own_data'), reservation);
end
$$;

comment on function parking.find_reservation(bigint, bigint) is
$$One of a person's own reservations.

Problems: unknown-actor, not-permitted, unknown-reservation, not-your-reservation.

Example:
    select * from parking.find_reservation(parking.find_person('driver1@parking.com'), 123456789);
    ERROR:  There is no reservation 123456789.
    DETAIL:  No such reservation
    HINT:  Check the reservation's number.$$;

grant execute on function parking.find_reservation(bigint, bigint) to parking_service, parking_dba;

commit;
