-- Deploy parking:capacity to pg
-- requires: tickets
-- requires: reservations
--
-- Walk-ins and bookings share one garage. Whoever takes room there, enter_garage() for a ticket, book() and reschedule() for a
-- booking, holds the garage's row, which comes last: person, spot, reservation, lot. In a lot without walk-ins nobody locks it and
-- nobody counts. (book() may lock overdue reservations of its spot after it; whoever holds one of those and waits for the garage
-- would have the spot first, which book() has.) Who leaves, cancels or completes gives room and waits for nobody.
-- Who retires the lot holds the garage as well, and then nobody is inside.
--
-- A vehicle with a ticket is assumed to stay until assumed_stay_seconds after it entered. One that stays longer is inside now, and nobody
-- knows until when: it counts for this moment, and not for later ones. So what is full is judged by the busiest moment
-- of a period. For a vehicle that enters this includes the present one, at which everybody inside counts: there are never
-- more tickets open than there are spaces.

begin;

set local role parking_owner;

create function parking_private.hold_garage(tenant bigint, lot bigint)
    returns parking.garages
    language plpgsql
    volatile
as $$
declare
    v_garage parking.garages;
begin
    -- A lot with walk-ins has one; where it had none, nobody must get in.
    select g.* into strict v_garage
    from parking.garages g
    where g.tenant_id = hold_garage.tenant and g.lot_id = hold_garage.lot
    for no key update;
    return v_garage;
end
$$;

comment on function parking_private.hold_garage(bigint, bigint) is
    'The garage of a lot with walk-ins; nobody else takes room in it until this transaction ends.';


create function parking_private.most_inside(
    garage parking.garages,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz,
    but    bigint default null
)
    returns bigint
    language plpgsql
    volatile
as $$
begin
    return (
        with stays as (
            select most_inside.starts as since, greatest(t.entered_at + make_interval(secs => garage.assumed_stay_seconds),
                       now + interval '1 microsecond') as until
            from parking.tickets t
            where t.tenant_id = garage.tenant_id and t.lot_id = garage.lot_id and t.status = 'open'
            union all
            -- Who left after this moment was inside at it: others may have left since it was read from the clock.
            select most_inside.starts, t.left_at
            from parking.tickets t
            where t.tenant_id = garage.tenant_id and t.lot_id = garage.lot_id and t.left_at > now
            union all
            select greatest(r.starts, most_inside.starts), r.ends
            from parking.reservations r
            where r.tenant_id = garage.tenant_id
              and r.lot_id = garage.lot_id
              and r.status = 'active'
              and r.starts > most_inside.starts - interval '168 hours'
              and r.starts < most_inside.ends
              and r.ends > most_inside.starts
              and (most_inside.but is null or r.id <> most_inside.but)
        ), steps as (
            select s.since as at, 1 as step from stays s where s.until > most_inside.starts
            union all
            select s.until, -1 from stays s where s.until > most_inside.starts
        ), levels as (
            -- Who leaves at a moment has made room for who comes at it.
            select sum(s.step) over (order by s.at, s.step) as inside from steps s
        )
        select coalesce(max(l.inside), 0) from levels l
    );
end
$$;

comment on function parking_private.most_inside(parking.garages, timestamptz, timestamptz, timestamptz, bigint) is
    'How many vehicles are in a garage at the busiest moment of a period that begins now or later: tickets, which are assumed to stay for a time, and bookings, but for the one that is to move.';


create function parking_private.require_capacity(
    tenant bigint,
    lot    bigint,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz,
    but    bigint default null
)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_garage constant parking.garages := parking_private.hold_garage(tenant, lot);
    v_most   constant bigint := parking_private.most_inside(v_garage, greatest(starts, now), ends, now, but);
begin
    if v_most >= v_garage.spaces then
        perform parking_private.refuse('garage-full', format('All %s spaces of this garage are taken at some moment of that time.', v_garage.spaces));
    end if;
end
$$;

comment on function parking_private.require_capacity(bigint, bigint, timestamptz, timestamptz, timestamptz, bigint) is
    'Hold a garage, and refuse a period at some moment of which it is full: garage-full.';


create function parking_private.require_nobody_inside(lot parking.lots)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_inside bigint;
begin
    if not lot.walk_ins then
        return;
    end if;
    perform parking_private.hold_garage(lot.tenant_id, lot.id);
    select count(*) into v_inside
    from parking.tickets t
    where t.tenant_id = lot.tenant_id and t.lot_id = lot.id and t.status = 'open';
    if v_inside > 0 then
        perform parking_private.refuse('garage-not-empty', format('Vehicles inside %s: %s.', lot.name, v_inside));
    end if;
end
$$;

comment on function parking_private.require_nobody_inside(parking.lots) is
    'Refuse a lot in which vehicles with a ticket are, and hold its garage, so that nobody enters until this transaction ends: garage-not-empty.';


create function parking_private.is_full(
    lot    parking.lots,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz
)
    returns boolean
    language plpgsql
    volatile
as $$
begin
    return lot.walk_ins and exists (
        select
        from parking.garages g
        where g.tenant_id = lot.tenant_id
          and g.lot_id = lot.id
          and parking_private.most_inside(g, greatest(is_full.starts, is_full.now), is_full.ends, is_full.now) >= g.spaces
    );
end
$$;

comment on function parking_private.is_full(parking.lots, timestamptz, timestamptz, timestamptz) is
    'Whether require_capacity() would refuse a period at this moment; it holds nothing, and others may be faster.';

commit;
