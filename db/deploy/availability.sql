-- Deploy parking:availability to pg
-- requires: reservations
-- requires: overrides
-- requires: visiting
--
-- What is free is derived from the live reservations, each time anew. A cell of a board is one spot in one time slot of
-- a lot's local day: past when its slot has ended, booked when a live reservation overlaps what remains of it, maintenance
-- when its spot is in maintenance at some moment of what remains, else available. Everything here filters on starts and
-- ends, never on during: see the comment there.

begin;

set local role parking_owner;

create function parking.find_lot(
    lot    bigint default null,
    tenant text default 'default',
    actor  bigint default null
)
    returns table (
        id          bigint,
        tenant_slug text,
        name        text,
        address     text,
        time_zone   text,
        today       date
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.enter_lot(find_lot.lot, find_lot.tenant, find_lot.actor);
begin
    return query
        select v_lot.id, t.slug, v_lot.name, v_lot.address, v_lot.time_zone, (parking.clock() at time zone v_lot.time_zone)::date
        from parking.tenants t
        where t.id = v_lot.tenant_id;
end
$$;

comment on function parking.find_lot(bigint, text, bigint) is
$$A lot by its number, or a tenant's first public one (where none is public, its first); today is the day that it has there now.

A lot that is not public is there only for an actor of its tenant, here and in every function that takes a lot.

Problems: unknown-lot.

Example:
    select tenant_slug, name, time_zone from parking.find_lot();
     tenant_slug |    name     |   time_zone
    -------------+-------------+---------------
     default     | Demo Garage | Europe/Berlin
    (1 row)$$;

grant execute on function parking.find_lot(bigint, text, bigint) to parking_service, parking_dba;


create function parking.lost_lots(
    lots   bigint[],
    actors bigint[]
)
    returns table (
        lot   bigint,
        actor bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
begin
    return query
        select u.lot, u.actor
        from unnest(lots, actors) u(lot, actor)
        where not exists (
            select
            from parking.lots l
            where l.id = u.lot
              and l.retired_at is null
              and (l.public or exists (
                select
                from parking.people p
                join parking.memberships m on m.tenant_id = p.tenant_id and m.person_id = p.id
                join parking_private.role_permissions r on r.role = m.role
                where p.tenant_id = l.tenant_id and p.id = u.actor and p.active and r.permission in ('read:parking', '*')
              ))
        );
end
$$;

comment on function parking.lost_lots(bigint[], bigint[]) is
$$Of pairs of a lot and who looks at it, nobody being null, those for which find_lot() would say now that there is no such lot.

For the service, which asks find_lot() when a socket opens, and this for all open ones together. It has to look across
tenants, in which it only reads.

Example:
    select lot, actor from parking.lost_lots('{1, 123456789}', '{null, null}');
        lot    | actor
    -----------+-------
     123456789 |
    (1 row)$$;

grant execute on function parking.lost_lots(bigint[], bigint[]) to parking_service, parking_dba;


create function parking_private.slot_label(starts time, ends time)
    returns text
    language sql
    stable
    return to_char(starts, case when extract(minute from starts) = 0 then 'HH24' else 'HH24:MI' end) || '–'
        || to_char(ends, case when extract(minute from ends) = 0 then 'HH24' else 'HH24:MI' end);

comment on function parking_private.slot_label(time, time) is 'A time slot as a driver reads it: 08–12, 08:30–09.';


create function parking_private.slots_on(
    lot parking.lots,
    day date
)
    returns table (
        label  text,
        starts timestamptz,
        ends   timestamptz
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := slots_on.lot;
begin
    return query
        select c.label, c.starts, c.ends
        from (
            select parking_private.slot_label(t.starts, t.ends) as label,
                   (slots_on.day + t.starts) at time zone v_lot.time_zone as starts,
                   (slots_on.day + (t.ends <= t.starts)::integer + t.ends) at time zone v_lot.time_zone as ends
            from parking.time_slots t
            where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id
        ) c
        -- The hour that a day in spring lacks may swallow a slot, and one in which the lot is closed is not offered.
        where c.starts < c.ends and parking_private.is_open(v_lot, c.starts, c.ends)
        order by c.starts;
end
$$;

comment on function parking_private.slots_on(parking.lots, date) is 'The time slots that a lot offers on one of its local days, in their order.';


create function parking_private.live_on(
    lot   parking.lots,
    day   date,
    now   timestamptz,
    spots bigint[]
)
    returns table (
        spot_id   bigint,
        id        bigint,
        person_id bigint,
        starts    timestamptz,
        ends      timestamptz
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
declare
    v_lot  constant parking.lots := live_on.lot;
    v_from constant timestamptz := greatest(live_on.day::timestamp at time zone v_lot.time_zone, live_on.now);
    -- A slot ends on the next day at the latest, and no reservation is longer than 168 hours.
    v_to   constant timestamptz := (live_on.day + 2)::timestamp at time zone v_lot.time_zone;
begin
    -- Spot by spot, each from the index of what is live on it: neither a large lot nor a long history makes the search longer.
    -- The order is that of the index, and keeps the planner from reading a whole tenant's.
    return query
        select r.spot_id, r.id, r.person_id, r.starts, r.ends
        from unnest(coalesce(live_on.spots, array(
            select s.id from parking.spots s
            where s.tenant_id = v_lot.tenant_id and s.lot_id = v_lot.id and s.retired_at is null
        ))) u(id)
        cross join lateral (
            select r.spot_id, r.id, r.person_id, r.starts, r.ends
            from parking.reservations r
            where r.tenant_id = v_lot.tenant_id and r.spot_id = u.id and r.status = 'active'
              and r.ends > v_from and r.ends < v_to + interval '168 hours' and r.starts < v_to
            order by r.ends
        ) r;
end
$$;

comment on function parking_private.live_on(parking.lots, date, timestamptz, bigint[]) is
    'The live reservations of a lot, or of these spots of it, that end after now and may touch a time slot of a local day.';


create function parking_private.cells(
    lot   parking.lots,
    day   date,
    now   timestamptz,
    spots bigint[] default null
)
    returns table (
        lot_id          bigint,
        spot_id         bigint,
        spot            text,
        type            text,
        slot            text,
        starts          timestamptz,
        ends            timestamptz,
        status          text,
        holder_ids      bigint[],
        reservation_ids bigint[],
        changes_at      timestamptz
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := cells.lot;
begin
    return query
        with slots as materialized (
            select c.label, c.starts, c.ends from parking_private.slots_on(v_lot, cells.day) c
        ), live as materialized (
            select r.spot_id, r.id, r.person_id, r.starts, r.ends
            from parking_private.live_on(v_lot, cells.day, cells.now, cells.spots) r
        ), held as materialized (
            -- Only what is booked is aggregated; most cells of a large lot are not.
            select v.spot_id, c.starts as slot,
                   array_agg(v.person_id order by v.starts, v.id) as holders,
                   array_agg(v.id order by v.starts, v.id) as reservations,
                   min(v.ends) as first_end
            from slots c
            join live v on c.ends > cells.now and v.starts < c.ends and v.ends > c.starts
            group by v.spot_id, c.starts
        ), closed as materialized (
            select o.spot_id, o.starts, o.ends
            from parking.overrides o
            where o.tenant_id = v_lot.tenant_id
              and o.lot_id = v_lot.id
              and o.ended_at is null
              and o.state = 'maintenance'
              and (o.ends is null or o.ends > cells.now)
        ), places as materialized (
            -- Put in order once, and not again for each of their cells.
            select s.lot_id, s.id, s.name, s.type, row_number() over (order by f.position, r.position, s.position, s.id) as place
            from parking.spots s
            join parking.rows r on r.tenant_id = s.tenant_id and r.id = s.row_id
            join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
            where s.tenant_id = v_lot.tenant_id and s.lot_id = v_lot.id and s.retired_at is null
              and (cells.spots is null or s.id = any (cells.spots))
        )
        select s.lot_id, s.id, s.name, s.type, c.label, c.starts, c.ends,
               case
                   when c.ends <= cells.now then 'past'
                   when h.spot_id is not null then 'booked'
                   when k.spot_id is not null then 'maintenance'
                   else 'available'
               end,
               h.holders,
               h.reservations,
               case when c.ends > cells.now then least(c.ends, h.first_end, k.ends) end
        from places s
        cross join slots c
        left join held h on h.spot_id = s.id and h.slot = c.starts
        left join closed k on k.spot_id = s.id and c.ends > cells.now and k.starts < c.ends and (k.ends is null or k.ends > c.starts)
        order by s.place, c.starts;
end
$$;

comment on function parking_private.cells(parking.lots, date, timestamptz, bigint[]) is
    'Every cell of a lot''s local day, or those of some spots, with its live reservations and their holders, and the moment at which time alone may change it (null: never).';


create function parking_private.require_day(day date)
    returns void
    language plpgsql
    stable
as $$
begin
    if day < '2000-01-01' or day > '2199-12-31' then
        perform parking_private.refuse('day-out-of-range', format('%s is no day of this calendar.', day));
    end if;
end
$$;

comment on function parking_private.require_day(date) is 'Refuse a day for which no board can be made.';


create function parking.board(
    lot   bigint default null,
    day   date default null,
    actor bigint default null
)
    returns table (
        lot_id         bigint,
        spot_id        bigint,
        spot           text,
        type           text,
        slot           text,
        starts         timestamptz,
        ends           timestamptz,
        status         text,
        reservation_id bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.enter_lot(board.lot, 'default', board.actor);
    v_now constant timestamptz := parking.clock();
begin
    perform parking_private.require_day(board.day);
    return query
        select c.lot_id, c.spot_id, c.spot, c.type, c.slot, c.starts, c.ends, c.status,
               c.reservation_ids[array_position(c.holder_ids, board.actor)]
        from parking_private.cells(v_lot, coalesce(board.day, (v_now at time zone v_lot.time_zone)::date), v_now) c;
end
$$;

comment on function parking.board(bigint, date, bigint) is
$$A lot's spots and the time slots of one of its local days, each available, booked, in maintenance or past; without a day, today.

With an actor, reservation_id names that person's own live reservation in the cell. Nobody else's is told.

Problems: unknown-lot, day-out-of-range.

Example:
    select spot, type, slot, status from parking.board(day => current_date + 7) where slot = '08–12';
      spot  |   type   | slot  |  status
    --------+----------+-------+-----------
     Spot 1 | regular  | 08–12 | available
     Spot 2 | regular  | 08–12 | available
     Spot 3 | handicap | 08–12 | available
     Spot 4 | regular  | 08–12 | available
     Spot 5 | regular  | 08–12 | available
    (5 rows)$$;

grant execute on function parking.board(bigint, date, bigint) to parking_service, parking_dba;


create function parking_private.watched_lot(
    lot bigint,
    day date
)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_lot parking.lots;
begin
    perform parking_private.enter_tenant((select f.tenant_id from parking_private.find_tenant_of_lot(watched_lot.lot, null) f));
    select l.* into v_lot from parking.lots l where l.id = watched_lot.lot;
    if not found then
        perform parking_private.refuse('unknown-lot', format('There is no lot %s.', coalesce(watched_lot.lot::text, 'without a number')));
    end if;
    perform parking_private.require_day(watched_lot.day);
    return v_lot;
end
$$;

comment on function parking_private.watched_lot(bigint, date) is
    'A lot of which somebody has a board open who was found to be allowed to; its tenant entered.';


create function parking_private.spots_now(
    lot parking.lots,
    now timestamptz
)
    returns table (
        id     bigint,
        name   text,
        type   text,
        status text
    )
    language plpgsql
    volatile
as $$
#variable_conflict use_column
declare
    v_open constant boolean := parking_private.is_open(lot, spots_now.now, spots_now.now + interval '1 second');
begin
    -- What stands in a select of its own is no constant to the planner. With one, a lot that is smaller than others looks as if
    -- it were worth a plan of its own each time, which takes three times as long as all the rest.
    return query
        select s.id, s.name, s.type, case when exists (
                select from parking.reservations r
                where r.tenant_id = s.tenant_id and r.lot_id = s.lot_id and r.spot_id = s.id and r.status = 'active'
                  and r.starts <= (select spots_now.now) and r.starts > (select spots_now.now - interval '168 hours')
                  and r.ends > (select spots_now.now)
            ) then 'booked' when exists (
                select from parking.overrides o
                where o.tenant_id = s.tenant_id and o.lot_id = s.lot_id and o.spot_id = s.id and o.ended_at is null
                  and o.state = 'maintenance' and (o.ends is null or o.ends > (select spots_now.now))
            ) then 'maintenance' when v_open then 'available' else 'closed' end
        from parking.spots s
        join parking.rows r on r.tenant_id = s.tenant_id and r.id = s.row_id
        join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
        where s.tenant_id = (select lot.tenant_id) and s.lot_id = (select lot.id) and s.retired_at is null
        order by f.position, r.position, s.position, s.id;
end
$$;

comment on function parking_private.spots_now(parking.lots, timestamptz) is
    'The spots of a lot in their order, each available, booked, in maintenance or closed at this moment.';


create function parking.list_spots(
    lot    bigint default null,
    day    date default null,
    actor  bigint default null,
    tenant text default 'default'
)
    returns table (
        id     bigint,
        name   text,
        type   text,
        status text,
        slots  jsonb
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.enter_lot(list_spots.lot, list_spots.tenant, list_spots.actor);
    v_now constant timestamptz := parking.clock();
begin
    if list_spots.day is null then
        return query select n.id, n.name, n.type, n.status, null::jsonb from parking_private.spots_now(v_lot, v_now) n;
        return;
    end if;
    perform parking_private.require_day(list_spots.day);
    return query
        with cells as materialized (
            select c.spot_id, c.starts, c.ends, c.status
            from parking_private.cells(v_lot, list_spots.day, v_now) c
        ), times as materialized (
            -- Written once a slot, and not once a cell.
            select d.starts, d.ends, parking_private.rfc3339(d.starts, v_lot.time_zone) as start_time,
                   parking_private.rfc3339(d.ends, v_lot.time_zone) as end_time
            from (select distinct c.starts, c.ends from cells c) d
        ), days as materialized (
            -- Once, whatever the planner believes of a database that has just been filled.
            select c.spot_id, jsonb_agg(jsonb_build_object('start_time', t.start_time, 'end_time', t.end_time, 'status', c.status)
                order by c.starts) as slots
            from cells c
            join times t on t.starts = c.starts and t.ends = c.ends
            group by c.spot_id
        )
        select n.id, n.name, n.type, n.status, coalesce(d.slots, '[]')
        from parking_private.spots_now(v_lot, v_now) with ordinality n(id, name, type, status, place)
        left join days d on d.spot_id = n.id
        order by n.place;
end
$$;

comment on function parking.list_spots(bigint, date, bigint, text) is
$$A lot's spots, each available, booked, in maintenance or closed at this moment; with a day, also its time slots as JSON, as the REST API shows them.

Without a lot it is the tenant's, as find_lot() finds it.

closed: the lot's opening hours have none now. A spot that is booked or in maintenance says that, also while its lot is closed.

Problems: unknown-lot, day-out-of-range.

Example:
    select name, type, jsonb_array_length(slots) as slots from parking.list_spots(day => current_date + 7) where type = 'handicap';
      name  |   type   | slots
    --------+----------+-------
     Spot 3 | handicap |     3
    (1 row)$$;

grant execute on function parking.list_spots(bigint, date, bigint, text) to parking_service, parking_dba;


create function parking.free_spots(
    starts    timestamptz,
    ends      timestamptz,
    lot       bigint default null,
    spot_type text default null,
    actor     bigint default null
)
    returns table (
        id   bigint,
        name text,
        type text
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.enter_lot(free_spots.lot, 'default', free_spots.actor);
    v_now constant timestamptz := parking.clock();
begin
    if free_spots.starts is null or free_spots.ends is null then
        perform parking_private.refuse('period-incomplete', 'A search needs a start and an end.');
    elsif free_spots.starts >= free_spots.ends then
        perform parking_private.refuse('period-backwards', 'The end must lie after the start.');
    elsif not parking_private.is_open(v_lot, free_spots.starts, free_spots.ends) then
        return;
    end if;

    return query
        select s.id, s.name, s.type
        from parking.spots s
        join parking.rows w on w.tenant_id = s.tenant_id and w.id = s.row_id
        join parking.floors f on f.tenant_id = w.tenant_id and f.id = w.floor_id
        where s.tenant_id = v_lot.tenant_id and s.lot_id = v_lot.id
          and s.retired_at is null
          and (free_spots.spot_type is null or s.type = free_spots.spot_type)
          -- The next one to end after the start is the first one to begin as well; see the index.
          and coalesce((
            select r.starts
            from parking.reservations r
            where r.tenant_id = s.tenant_id and r.spot_id = s.id and r.status = 'active'
              and r.ends > greatest(free_spots.starts, v_now)
            order by r.ends
            limit 1
          ) >= free_spots.ends, true)
          and not exists (
            select from parking.overrides o
            where o.tenant_id = s.tenant_id and o.lot_id = s.lot_id and o.spot_id = s.id and o.ended_at is null
              and o.state = 'maintenance'
              and o.starts < free_spots.ends and (o.ends is null or o.ends > greatest(free_spots.starts, v_now))
          )
        order by f.position, w.position, s.position, s.id;
end
$$;

comment on function parking.free_spots(timestamptz, timestamptz, bigint, text, bigint) is
$$The spots of a lot that no live reservation holds and that are not in maintenance at any moment of a period; of one type, if
one is given. None, where the lot is not open during the whole of it.

Problems: unknown-lot, period-incomplete, period-backwards.

Example:
    select name from parking.free_spots('tomorrow 08:00', 'tomorrow 12:00', spot_type => 'handicap');
      name
    --------
     Spot 3
    (1 row)$$;

grant execute on function parking.free_spots(timestamptz, timestamptz, bigint, text, bigint) to parking_service, parking_dba;

-- Only a superuser may give an object away.
reset role;
alter function parking.lost_lots(bigint[], bigint[]) owner to parking_platform;

commit;
