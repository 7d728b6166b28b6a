-- Deploy parking:keeping_track to pg
-- requires: changing
--
-- What a driver keeps track of: one reservation with all that a pass and a calendar need, and, for the live feed, whose
-- reservations something has happened to. The feed never learns from the record who did what, which is nobody's business;
-- it asks whose lists have to be shown anew.

begin;

set local role parking_owner;

create function parking.show_reservation(
    actor       bigint,
    reservation bigint
)
    returns table (
        id           bigint,
        period       text,
        status       text,
        starts       timestamptz,
        ends         timestamptz,
        spot_id      bigint,
        spot         text,
        type         text,
        "row"        text,
        floor        text,
        lot_id       bigint,
        lot          text,
        address      text,
        time_zone    text,
        booked_at    timestamptz,
        ended_at     timestamptz,
        revision     integer,
        quoted_cents bigint,
        currency     text
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_person  constant parking.people := parking_private.require_actor(show_reservation.actor, 'read:own_data');
    v_booking constant parking.bookings := parking_private.require_booking(v_person, show_reservation.reservation);
    v_now     constant timestamptz := parking.clock();
begin
    return query
        select r.id, case
                   when r.status <> 'active' or r.ends <= v_now then 'past'
                   when r.starts > v_now then 'coming'
                   else 'current'
               end,
               r.status, r.starts, r.ends, s.id, s.name, s.type, w.name, f.name, l.id, l.name, l.address, l.time_zone,
               r.booked_at, r.ended_at,
               r.moves + case when r.status = 'active' then 0 else 1 end,
               r.quoted_cents, r.currency
        from parking.reservations r
        join parking.spots s on s.tenant_id = r.tenant_id and s.id = r.spot_id
        join parking.rows w on w.tenant_id = s.tenant_id and w.id = s.row_id
        join parking.floors f on f.tenant_id = w.tenant_id and f.id = w.floor_id
        join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
        where r.tenant_id = v_booking.tenant_id and r.id = v_booking.id;
end
$$;

comment on function parking.show_reservation(bigint, bigint) is
$$One's own reservation with all that one needs to find the spot, and how often it has changed since it was booked.

period: coming has not begun, current runs, past is over, cancelled or completed. revision grows with each change of the period and
with its end, so that of two calendar files the newer one can be told. quoted_cents is what the period costs, null where no tariff
knew a price.

Problems: unknown-actor, not-permitted, unknown-reservation, not-your-reservation.

Example:
    select s.spot, s.lot, s.period, s.revision
    from parking.book(parking.find_person('driver1@parking.com'), 1, 'tomorrow 08:00', 'tomorrow 12:00') b
    cross join lateral parking.reschedule(parking.find_person('driver1@parking.com'), b.id, ends => 'tomorrow 14:00') r
    cross join lateral parking.show_reservation(parking.find_person('driver1@parking.com'), r.id) s;
      spot  |     lot     | period | revision
    --------+-------------+--------+----------
     Spot 1 | Demo Garage | coming |        1
    (1 row)$$;

grant execute on function parking.show_reservation(bigint, bigint) to parking_service, parking_dba;


create function parking.holders(
    lots   bigint[],
    spots  bigint[],
    starts timestamptz[]
)
    returns setof bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant bigint;
begin
    for v_tenant in
        select distinct f.tenant_id
        from unnest(holders.lots) n(lot)
        cross join lateral parking_private.find_tenant_of_lot(n.lot, null) f
        where f.tenant_id is not null
    loop
        perform parking_private.enter_tenant(v_tenant);
        return query
            select distinct r.person_id
            from unnest(holders.lots, holders.spots, holders.starts) n(lot, spot, starts)
            cross join lateral (
                -- Each from its index.
                select a.person_id
                from parking.reservations a
                where a.tenant_id = v_tenant and a.lot_id = n.lot and a.starts = n.starts and a.spot_id = n.spot and a.status = 'active'
                union all
                select e.person_id
                from parking.reservations e
                where e.tenant_id = v_tenant and e.lot_id = n.lot and e.starts = n.starts and e.spot_id = n.spot and e.status <> 'active'
            ) r;
    end loop;
end
$$;

comment on function parking.holders(bigint[], bigint[], timestamptz[]) is
$$Whose reservations of these spots begin at these moments, whatever became of them; the arrays go together.

For the service, which shows drivers their own lists anew when something has happened to one of theirs, and tells nobody.

Example:
    select h as person
    from parking.book(parking.find_person('driver1@parking.com'), 1, 'tomorrow 08:00', 'tomorrow 12:00') b,
         parking.holders(array[b.lot_id], array[b.spot_id], array[b.starts]) h;
     person
    --------
          1
    (1 row)$$;

grant execute on function parking.holders(bigint[], bigint[], timestamptz[]) to parking_service, parking_dba;

commit;
