-- Deploy parking:finding to pg
-- requires: availability
--
-- How a driver gets from "somewhere near the station" to a cell that can be pressed: find_lots() by name or address,
-- find_view() for what to show of one, and then either overview(), free and total of each row, or board_section(), the
-- cells themselves. A lot that fits is shown whole. Of a larger one nobody reads, sends or renders more than a section:
-- a row, or the part of a row that fits. So a lot of 1,500 spots costs its viewers about what a small one does.

begin;

set local role parking_owner;

create function parking_private.section_size(lot parking.lots)
    returns bigint
    language plpgsql
    stable
as $$
begin
    -- 200 cells: more than that nobody takes in, and a phone takes its time to lay them out.
    return greatest(1, 200 / greatest(1, (
        select count(*) from parking.time_slots t where t.tenant_id = lot.tenant_id and t.lot_id = lot.id)));
end
$$;

comment on function parking_private.section_size(parking.lots) is 'How many spots of a lot, with all their time slots, are shown at once.';


create function parking_private.sections(
    lot       parking.lots,
    floor     bigint,
    spot_row  bigint,
    part      integer,
    spot_type text
)
    returns table (
        spot_id    bigint,
        spot       text,
        place      bigint,
        row_id     bigint,
        row_name   text,
        floor_id   bigint,
        floor_name text,
        number     integer
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
declare
    v_lot  constant parking.lots := sections.lot;
    v_size constant bigint := parking_private.section_size(v_lot);
begin
    return query
        select p.id, p.name, p.place, p.row_id, p.row_name, p.floor_id, p.floor_name, p.number
        from (
            select s.id, s.name, s.type, r.id as row_id, r.name as row_name, f.id as floor_id, f.name as floor_name,
                   row_number() over (order by f.position, r.position, s.position, s.id) as place,
                   -- Whatever type is looked for, so that an address goes on meaning the same spots.
                   (1 + (row_number() over (partition by r.id order by s.position, s.id) - 1) / v_size)::integer as number
            from parking.spots s
            join parking.rows r on r.tenant_id = s.tenant_id and r.id = s.row_id
            join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
            where s.tenant_id = v_lot.tenant_id and s.lot_id = v_lot.id and s.retired_at is null
              and (sections.floor is null or f.id = sections.floor)
              and (sections.spot_row is null or r.id = sections.spot_row)
        ) p
        where (sections.spot_type is null or p.type = sections.spot_type)
          and (sections.spot_row is null or p.number = coalesce(sections.part, 1));
end
$$;

comment on function parking_private.sections(parking.lots, bigint, bigint, integer, text) is
    'The spots of a lot that somebody looks at, and in which part of which row each is; of a row, its first part unless told otherwise.';


create function parking_private.chosen_spots(
    lot       parking.lots,
    floor     bigint,
    spot_row  bigint,
    part      integer,
    spot_type text
)
    returns bigint[]
    language plpgsql
    stable
as $$
begin
    if floor is null and spot_row is null and spot_type is null then
        return null;
    end if;
    return array(select s.spot_id from parking_private.sections(lot, floor, spot_row, part, spot_type) s);
end
$$;

comment on function parking_private.chosen_spots(parking.lots, bigint, bigint, integer, text) is
    'The spots that somebody looks at; null: all of the lot.';


create function parking.find_lots(
    search  text default '',
    tenant  text default 'default',
    actor   bigint default null,
    at_most integer default 50
)
    returns table (
        id        bigint,
        name      text,
        address   text,
        time_zone text,
        floors    bigint,
        spots     bigint,
        free      bigint,
        open      boolean
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_search constant text := lower(btrim(regexp_replace(coalesce(search, ''), '[[:space:]]+', ' ', 'g')));
    v_now    constant timestamptz := parking.clock();
    v_person parking.people;
    v_tenant bigint;
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows',
            format('At most %s lots cannot be listed.', coalesce(at_most::text, 'null')));
    elsif length(v_search) > 200 then
        perform parking_private.refuse('not-a-search', 'A search has 200 characters at most.');
    end if;
    if find_lots.actor is null then
        v_tenant := parking_private.tenant_of(find_lots.tenant);
        perform parking_private.enter_tenant(v_tenant);
    else
        v_person := parking_private.require_actor(find_lots.actor, 'read:parking');
        v_tenant := v_person.tenant_id;
    end if;
    return query
        with found as materialized (
            select l as lot, l.id, l.tenant_id, l.name, case
                    when v_search in ('', lower(l.name)) then 1
                    when starts_with(lower(l.name), v_search) then 2
                    when strpos(' ' || lower(l.name), ' ' || v_search) > 0 then 3
                    when strpos(lower(l.name), v_search) > 0 then 4
                    when strpos(' ' || lower(l.address), ' ' || v_search) > 0 then 5
                    else 6
                end as rank
            from parking.lots l
            where l.tenant_id = v_tenant and l.retired_at is null and (l.public or find_lots.actor is not null)
              and not exists (
                select from unnest(string_to_array(v_search, ' ')) u(word)
                where strpos(lower(l.name || ' ' || l.address), u.word) = 0)
            order by rank, lower(l.name), l.id
            limit find_lots.at_most
        )
        select f.id, f.name, (f.lot).address, (f.lot).time_zone,
               (select count(*) from parking.floors o where o.tenant_id = f.tenant_id and o.lot_id = f.id and o.retired_at is null),
               n.spots,
               case when o.open then n.spots - (
                select count(*)
                from (
                    select r.spot_id
                    from parking.reservations r
                    where r.tenant_id = f.tenant_id and r.lot_id = f.id and r.status = 'active'
                      and r.starts <= v_now and r.starts > v_now - interval '168 hours' and r.ends > v_now
                    union
                    select o.spot_id
                    from parking.overrides o
                    where o.tenant_id = f.tenant_id and o.lot_id = f.id and o.ended_at is null and o.state = 'maintenance'
                      and (o.ends is null or o.ends > v_now)
                ) t
                join parking.spots s on s.tenant_id = f.tenant_id and s.id = t.spot_id and s.retired_at is null
               ) else 0 end,
               o.open
        from found f
        cross join lateral (select parking_private.is_open(f.lot, v_now, v_now + interval '1 second') as open) o
        cross join lateral (
            select count(*) as spots from parking.spots s where s.tenant_id = f.tenant_id and s.lot_id = f.id and s.retired_at is null
        ) n
        order by f.rank, lower(f.name), f.id;
end
$$;

comment on function parking.find_lots(text, text, bigint, integer) is
$$The lots whose name or address has every word of a search, the nearest match first, with what is free and whether they are open
at this moment; in one that is closed, nothing is free.

Those of a tenant that are public; with an actor, all of the actor's own tenant. Without a search, all of them by name.

Problems: unknown-actor, not-permitted, not-a-search, not-a-number-of-rows.

Example:
    select name, address, floors, spots, free from parking.find_lots('berlin garage');
          name      |             address              | floors | spots | free
    ----------------+----------------------------------+--------+-------+------
     Central Garage | Alexanderplatz 1, 10178 Berlin   |      3 |  1500 | 1500
     Demo Garage    | Invalidenstraße 50, 10557 Berlin |      1 |     5 |    5
    (2 rows)$$;

grant execute on function parking.find_lots(text, text, bigint, integer) to parking_service, parking_dba;


create function parking.find_view(
    lot       bigint default null,
    tenant    text default 'default',
    actor     bigint default null,
    floor     bigint default null,
    spot_row  bigint default null,
    part      integer default null,
    spot_type text default null
)
    returns table (
        id          bigint,
        tenant_slug text,
        name        text,
        address     text,
        time_zone   text,
        today       date,
        shows       text,
        floor_name  text,
        row_name    text,
        parts       integer
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot   constant parking.lots := parking_private.enter_lot(find_view.lot, find_view.tenant, find_view.actor);
    v_floor text;
    v_row   text;
    v_size  bigint;
    v_spots bigint;
    v_parts integer;
begin
    if spot_type not in ('regular', 'handicap', 'compact', 'ev') then
        perform parking_private.refuse('not-a-spot-type', format('%s is no type of a spot.', quote_literal(spot_type)));
    end if;
    if find_view.floor is not null then
        select f.name into v_floor
        from parking.floors f
        where f.tenant_id = v_lot.tenant_id and f.lot_id = v_lot.id and f.id = find_view.floor and f.retired_at is null;
        if not found then
            perform parking_private.refuse('unknown-floor', format('There is no floor %s in this lot.', find_view.floor));
        end if;
    end if;
    v_size := parking_private.section_size(v_lot);
    if find_view.spot_row is not null then
        select r.name, f.name, ((count(s.id) + v_size - 1) / v_size)::integer into v_row, v_floor, v_parts
        from parking.rows r
        join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
        left join parking.spots s on s.tenant_id = r.tenant_id and s.row_id = r.id and s.retired_at is null
        where r.tenant_id = v_lot.tenant_id and r.lot_id = v_lot.id and r.id = find_view.spot_row and r.retired_at is null
          and (find_view.floor is null or r.floor_id = find_view.floor)
        group by r.id, r.name, f.name;
        if not found or find_view.part < 1 or find_view.part > greatest(v_parts, 1) then
            perform parking_private.refuse('unknown-row', format('There is no row %s in this lot.',
                find_view.spot_row || coalesce(', part ' || find_view.part, '')));
        end if;
    else
        select count(*) into v_spots from parking_private.sections(v_lot, find_view.floor, null, null, find_view.spot_type);
    end if;
    return query
        select v_lot.id, t.slug, v_lot.name, v_lot.address, v_lot.time_zone, (parking.clock() at time zone v_lot.time_zone)::date,
               case when v_spots > v_size then 'rows' else 'spots' end, v_floor, v_row, v_parts
        from parking.tenants t
        where t.id = v_lot.tenant_id;
end
$$;

comment on function parking.find_view(bigint, text, bigint, bigint, bigint, integer, text) is
$$A lot as find_lot() finds it, and what to show of it: its spots, where all that are asked for fit, else its rows; with the names
of the floor and the row that are asked for.

A row that is too long comes in parts.

Problems: unknown-lot, unknown-floor, unknown-row, not-a-spot-type.

Example:
    select v.name, v.shows
    from parking.find_lots() l cross join lateral parking.find_view(l.id) v order by v.id;
          name      | shows
    ----------------+-------
     Demo Garage    | spots
     Central Garage | rows
     Ostbahnhof     | spots
    (3 rows)$$;

grant execute on function parking.find_view(bigint, text, bigint, bigint, bigint, integer, text) to parking_service, parking_dba;


create function parking.board_section(
    lot       bigint,
    day       date default null,
    actor     bigint default null,
    floor     bigint default null,
    spot_row  bigint default null,
    part      integer default null,
    spot_type text default null
)
    returns table (
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
    v_lot constant parking.lots := parking_private.enter_lot(board_section.lot, 'default', board_section.actor);
    v_now constant timestamptz := parking.clock();
begin
    perform parking_private.require_day(board_section.day);
    return query
        select c.spot_id, c.spot, c.type, c.slot, c.starts, c.ends, c.status,
               c.reservation_ids[array_position(c.holder_ids, board_section.actor)]
        from parking_private.cells(v_lot, coalesce(board_section.day, (v_now at time zone v_lot.time_zone)::date), v_now,
            parking_private.chosen_spots(v_lot, board_section.floor, board_section.spot_row, board_section.part, board_section.spot_type)) c;
end
$$;

comment on function parking.board_section(bigint, date, bigint, bigint, bigint, integer, text) is
$$The board of a floor, a row, a part of a long row, or of one type of spots; else as parking.board().

Problems: unknown-lot, day-out-of-range.

Example:
    select b.spot, b.type, b.slot, b.status
    from parking.board_section(1, current_date + 7, spot_type => 'handicap') b;
      spot  |   type   | slot  |  status
    --------+----------+-------+-----------
     Spot 3 | handicap | 08–12 | available
     Spot 3 | handicap | 12–16 | available
     Spot 3 | handicap | 16–20 | available
    (3 rows)$$;

grant execute on function parking.board_section(bigint, date, bigint, bigint, bigint, integer, text) to parking_service, parking_dba;


create function parking.watch_section(
    lot       bigint,
    day       date,
    floor     bigint default null,
    spot_row  bigint default null,
    part      integer default null,
    spot_type text default null
)
    returns table (
        spot_id         bigint,
        spot            text,
        type            text,
        slot            text,
        starts          timestamptz,
        ends            timestamptz,
        status          text,
        holder_ids      bigint[],
        reservation_ids bigint[],
        changes_in      interval
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot parking.lots;
    v_now constant timestamptz := parking.clock();
begin
    v_lot := parking_private.watched_lot(watch_section.lot, watch_section.day);
    return query
        select c.spot_id, c.spot, c.type, c.slot, c.starts, c.ends, c.status,
               coalesce(c.holder_ids, '{}'), coalesce(c.reservation_ids, '{}'), c.changes_at - v_now
        from parking_private.cells(v_lot, watch_section.day, v_now, parking_private.chosen_spots(
            v_lot, watch_section.floor, watch_section.spot_row, watch_section.part, watch_section.spot_type)) c;
end
$$;

comment on function parking.watch_section(bigint, date, bigint, bigint, integer, text) is
$$A section of a board as the live feed needs it: with the holders of each cell, and how long until time alone may change it.

For the service, which shows each driver their own cells and tells nobody else's, and which has asked find_view() before
whether they may look at all; holder_ids and reservation_ids go in pairs.

Problems: unknown-lot, day-out-of-range.

Example:
    select spot, slot, status, holder_ids from parking.watch_section(1, current_date + 7, spot_type => 'handicap');
      spot  | slot  |  status   | holder_ids
    --------+-------+-----------+------------
     Spot 3 | 08–12 | available | {}
     Spot 3 | 12–16 | available | {}
     Spot 3 | 16–20 | available | {}
    (3 rows)$$;

grant execute on function parking.watch_section(bigint, date, bigint, bigint, integer, text) to parking_service, parking_dba;


create function parking_private.count_rows(
    lot       parking.lots,
    day       date,
    now       timestamptz,
    floor     bigint,
    spot_type text
)
    returns table (
        floor_id   bigint,
        floor_name text,
        row_id     bigint,
        row_name   text,
        part       integer,
        first_spot text,
        last_spot  text,
        slot       text,
        starts     timestamptz,
        ends       timestamptz,
        free       bigint,
        total      bigint,
        changes_at timestamptz
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := count_rows.lot;
begin
    return query
        with slots as materialized (
            select c.label, c.starts, c.ends from parking_private.slots_on(v_lot, count_rows.day) c
        ), spots as materialized (
            select s.spot_id, s.spot, s.place, s.row_id, s.row_name, s.floor_id, s.floor_name, s.number as part
            from parking_private.sections(v_lot, count_rows.floor, null, null, count_rows.spot_type) s
        ), taken as materialized (
            select v.spot_id, v.starts, v.ends from parking_private.live_on(v_lot, count_rows.day, count_rows.now, null) v
            union all
            select o.spot_id, o.starts, o.ends
            from parking.overrides o
            where o.tenant_id = v_lot.tenant_id and o.lot_id = v_lot.id and o.ended_at is null and o.state = 'maintenance'
              and (o.ends is null or o.ends > count_rows.now)
        ), held as materialized (
            select s.row_id, s.part, c.starts, count(distinct s.spot_id) as spots, min(t.ends) as first_end
            from slots c
            join taken t on c.ends > count_rows.now and t.starts < c.ends and (t.ends is null or t.ends > c.starts)
            join spots s on s.spot_id = t.spot_id
            group by s.row_id, s.part, c.starts
        ), parts as materialized (
            select s.floor_id, s.floor_name, s.row_id, s.row_name, s.part, count(*) as total, min(s.place) as place,
                   (array_agg(s.spot order by s.place))[1] as first_spot, (array_agg(s.spot order by s.place desc))[1] as last_spot
            from spots s
            group by s.floor_id, s.floor_name, s.row_id, s.row_name, s.part
        )
        select p.floor_id, p.floor_name, p.row_id, p.row_name, p.part, p.first_spot, p.last_spot, c.label, c.starts, c.ends,
               case when c.ends > count_rows.now then p.total - coalesce(h.spots, 0) end, p.total,
               case when c.ends > count_rows.now then least(c.ends, h.first_end) end
        from parts p
        cross join slots c
        left join held h on h.row_id = p.row_id and h.part = p.part and h.starts = c.starts
        order by p.place, c.starts;
end
$$;

comment on function parking_private.count_rows(parking.lots, date, timestamptz, bigint, text) is
    'Free and total of each part of each row in each slot of a lot''s local day, free being null of what is past, and the moment at which time alone may change it (null: never).';


create function parking.overview(
    lot       bigint default null,
    day       date default null,
    actor     bigint default null,
    floor     bigint default null,
    spot_type text default null
)
    returns table (
        floor_id   bigint,
        floor_name text,
        row_id     bigint,
        row_name   text,
        part       integer,
        first_spot text,
        last_spot  text,
        slot       text,
        starts     timestamptz,
        ends       timestamptz,
        free       bigint,
        total      bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.enter_lot(overview.lot, 'default', overview.actor);
    v_now constant timestamptz := parking.clock();
begin
    perform parking_private.require_day(overview.day);
    return query
        select c.floor_id, c.floor_name, c.row_id, c.row_name, c.part, c.first_spot, c.last_spot, c.slot, c.starts, c.ends, c.free, c.total
        from parking_private.count_rows(v_lot, coalesce(overview.day, (v_now at time zone v_lot.time_zone)::date), v_now,
            overview.floor, overview.spot_type) c;
end
$$;

comment on function parking.overview(bigint, date, bigint, bigint, text) is
$$A lot's rows, floor by floor, and how many of their spots are free in each time slot of one of its local days; without a day,
today. Of one floor or one type of spots only, if that is given; free is null when the slot is past.

A row that is too long to be shown at once comes in parts, which board_section() knows by their number.

Problems: unknown-lot, day-out-of-range.

Example:
    select floor_name, row_name, part, slot, free, total from parking.overview(day => current_date + 7);
      floor_name  | row_name | part | slot  | free | total
    --------------+----------+------+-------+------+-------
     Ground floor | Row A    |    1 | 08–12 |    5 |     5
     Ground floor | Row A    |    1 | 12–16 |    5 |     5
     Ground floor | Row A    |    1 | 16–20 |    5 |     5
    (3 rows)$$;

grant execute on function parking.overview(bigint, date, bigint, bigint, text) to parking_service, parking_dba;


create function parking.watch_rows(
    lot       bigint,
    day       date,
    floor     bigint default null,
    spot_type text default null
)
    returns table (
        floor_id   bigint,
        floor_name text,
        row_id     bigint,
        row_name   text,
        part       integer,
        first_spot text,
        last_spot  text,
        slot       text,
        starts     timestamptz,
        ends       timestamptz,
        free       bigint,
        total      bigint,
        changes_in interval
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot parking.lots;
    v_now constant timestamptz := parking.clock();
begin
    v_lot := parking_private.watched_lot(watch_rows.lot, watch_rows.day);
    return query
        select c.floor_id, c.floor_name, c.row_id, c.row_name, c.part, c.first_spot, c.last_spot, c.slot, c.starts, c.ends, c.free, c.total,
               c.changes_at - v_now
        from parking_private.count_rows(v_lot, watch_rows.day, v_now, watch_rows.floor, watch_rows.spot_type) c;
end
$$;

comment on function parking.watch_rows(bigint, date, bigint, text) is
$$The overview as the live feed needs it: with how long until time alone may change it. It tells of whatever lot it is asked for,
as parking.watch_section() does, so the service has asked find_view() before.

Problems: unknown-lot, day-out-of-range.

Example:
    select row_name, slot, free, total from parking.watch_rows(1, current_date + 7);
     row_name | slot  | free | total
    ----------+-------+------+-------
     Row A    | 08–12 |    5 |     5
     Row A    | 12–16 |    5 |     5
     Row A    | 16–20 |    5 |     5
    (3 rows)$$;

grant execute on function parking.watch_rows(bigint, date, bigint, text) to parking_service, parking_dba;

commit;
