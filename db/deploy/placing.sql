-- Deploy parking:placing to pg
-- requires: availability
-- requires: announcing
-- requires: auditing
--
-- What a lot consists of. Floors, rows and spots are added, changed, put in order and retired, and never deleted: retiring
-- one retires everything in it, and is refused while live bookings lie ahead.
--
-- One hand at a time builds on a lot: hold_lot() takes an advisory lock and no row's, so that nobody who books waits for
-- it. Who retires then locks the spots in the order of their ids, as book() locks its one, and counts the bookings under
-- these locks. The order of locks is therefore: the building of a lot, its spots, its garage if vehicles
-- without a booking may enter it, nothing else.
--
-- Whether a name is free is for the unique indexes to say: under row-level security no index serves lower(name), so that
-- asking first would read all spots of a lot for each of its rows; and between two who ask, one would still be wrong.

begin;

set local role parking_owner;

create function parking_private.refuse_place(kind text, place bigint)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_number constant text := coalesce(place::text, 'without a number');
begin
    if kind = 'floor' then
        perform parking_private.refuse('unknown-floor', format('There is no floor %s.', v_number));
    elsif kind = 'row' then
        perform parking_private.refuse('unknown-row', format('There is no row %s.', v_number));
    elsif kind = 'spot' then
        perform parking_private.refuse('unknown-spot', format('There is no spot %s.', v_number));
    else
        perform parking_private.refuse('unknown-lot', format('There is no lot %s.', v_number));
    end if;
end
$$;

comment on function parking_private.refuse_place(text, bigint) is 'Say that there is no such lot, floor, row or spot.';


create function parking_private.enter_place(
    kind  text,
    place bigint,
    actor bigint
)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_found record;
    v_lot   parking.lots;
begin
    select f.tenant_id, f.lot_id into v_found from parking_private.find_lot_of(enter_place.kind, enter_place.place) f;
    v_lot := parking_private.visit_lot(v_found.tenant_id, v_found.lot_id, actor);
    if v_lot.id is null then
        perform parking_private.refuse_place(kind, place);
    end if;
end
$$;

comment on function parking_private.enter_place(text, bigint, bigint) is
    'Enter the tenant of a floor, row or spot that is in use and that the actor may look at; else say that there is none.';


create function parking_private.hold_lot(
    actor bigint,
    lot   bigint
)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    c_builder constant integer := 727566;  -- any number that no other advisory lock of this database uses
    v_person  constant parking.people := parking_private.require_actor(actor, 'write:parking');
    v_lot     parking.lots;
begin
    -- Whoever asks for another tenant's lot neither waits for those who build there nor makes them wait.
    perform from parking.lots l where l.tenant_id = v_person.tenant_id and l.id = hold_lot.lot;
    if not found then
        perform parking_private.refuse_place('lot', lot);
    end if;
    perform pg_advisory_xact_lock(c_builder, (hold_lot.lot % 2147483647)::integer);
    -- Read under the lock: whoever held it may have changed the lot, or retired it.
    select l.* into v_lot
    from parking.lots l
    where l.tenant_id = v_person.tenant_id and l.id = hold_lot.lot and l.retired_at is null;
    if not found then
        perform parking_private.refuse_place('lot', lot);
    end if;
    -- With the commit, and not at all after a refusal. Here, so that nothing that builds can forget it.
    perform parking_private.announce_lot(v_lot.id);
    return v_lot;
end
$$;

comment on function parking_private.hold_lot(bigint, bigint) is
    'A lot of the actor''s tenant, for an actor who may change it; nobody else builds on it until this transaction ends, and then its boards are read anew.';


create function parking_private.hold_place(
    actor bigint,
    kind  text,
    place bigint
)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:parking');
    v_lot    bigint;
begin
    select f.lot_id into v_lot
    from parking_private.find_lot_of(hold_place.kind, hold_place.place) f
    where f.tenant_id = v_person.tenant_id;
    if v_lot is null then
        perform parking_private.refuse_place(kind, place);
    end if;
    return parking_private.hold_lot(actor, v_lot);
end
$$;

comment on function parking_private.hold_place(bigint, text, bigint) is 'As hold_lot(), for the lot in which a floor, row or spot lies.';


create function parking_private.require_name(kind text, name text)
    returns void
    language plpgsql
    stable
as $$
begin
    if name is null or name !~ '^[^[:cntrl:]]{1,100}$' or name <> btrim(name) then
        perform parking_private.refuse('not-a-name', format('A %s cannot have this name.', kind));
    end if;
end
$$;

comment on function parking_private.require_name(text, text) is 'Refuse what is no name of a lot, floor, row or spot.';


create function parking_private.refuse_taken_name(kind text, name text)
    returns void
    language plpgsql
    volatile
as $$
begin
    perform parking_private.refuse('name-taken', format('There is already a %s called %s here.', kind, name));
end
$$;

comment on function parking_private.refuse_taken_name(text, text) is
    'Say that a unique index found this name taken by another lot of the tenant, floor of the lot, row of the floor or spot of the lot.';


create function parking_private.require_spot_kind(
    type      text,
    length_cm integer,
    width_cm  integer
)
    returns void
    language plpgsql
    stable
as $$
begin
    if type is null or type <> all ('{regular,handicap,compact,ev}') then
        perform parking_private.refuse('not-a-spot-type', format('%s is no type of spot.', coalesce(quote_literal(type), 'null')));
    elsif length_cm not between 100 and 3000 or width_cm not between 50 and 1000 then
        perform parking_private.refuse('not-a-size', format('No spot is %s by %s cm.', coalesce(length_cm::text, '?'), coalesce(width_cm::text, '?')));
    end if;
end
$$;

comment on function parking_private.require_spot_kind(text, integer, integer) is 'Refuse what is no type or no size of a spot; a size may be unknown.';


create function parking_private.require_place_in_order(place integer)
    returns void
    language plpgsql
    stable
as $$
begin
    if place < 1 then
        perform parking_private.refuse('not-a-place-in-order', format('There is no place %s.', place));
    end if;
end
$$;

comment on function parking_private.require_place_in_order(integer) is 'Refuse a place before the first one; one behind the last is the last.';


-- Half a place before or behind the one that somebody has now, depending on the side from which it comes.
create function parking_private.sort_key(
    present integer,
    moved   boolean,
    place   integer
)
    returns numeric
    language sql
    immutable
    return case when moved and place is not null then place + 0.5 * sign(place - present) else present end;

comment on function parking_private.sort_key(integer, boolean, integer) is
    'Where to sort something among its neighbours, of whom the one that is moved goes to the place that is given.';


create function parking_private.order_floors(
    lot   parking.lots,
    moved bigint,
    place integer
)
    returns void
    language sql
    volatile
begin atomic
    select parking_private.require_place_in_order(place);
    update parking.floors f
    set position = o.n
    from (
        select g.id, row_number() over (
            order by g.retired_at is not null, parking_private.sort_key(g.position, g.id is not distinct from moved, place), g.id) as n
        from parking.floors g
        where g.tenant_id = lot.tenant_id and g.lot_id = lot.id
    ) o
    where f.tenant_id = lot.tenant_id and f.id = o.id and f.position <> o.n;
end;

comment on function parking_private.order_floors(parking.lots, bigint, integer) is
    'Number a lot''s floors from 1, those in use first, after moving one of them to its new place.';


create function parking_private.order_rows(
    floor parking.floors,
    moved bigint,
    place integer
)
    returns void
    language sql
    volatile
begin atomic
    select parking_private.require_place_in_order(place);
    update parking.rows r
    set position = o.n
    from (
        select g.id, row_number() over (
            order by g.retired_at is not null, parking_private.sort_key(g.position, g.id is not distinct from moved, place), g.id) as n
        from parking.rows g
        where g.tenant_id = floor.tenant_id and g.floor_id = floor.id
    ) o
    where r.tenant_id = floor.tenant_id and r.id = o.id and r.position <> o.n;
end;

comment on function parking_private.order_rows(parking.floors, bigint, integer) is 'As order_floors(), for the rows of a floor.';


create function parking_private.order_spots(
    spot_row parking.rows,
    moved    bigint,
    place    integer
)
    returns void
    language sql
    volatile
begin atomic
    select parking_private.require_place_in_order(place);
    -- Locked in the order of their ids, as by whoever retires them.
    select s.id from parking.spots s
    where s.tenant_id = spot_row.tenant_id and s.row_id = spot_row.id
    order by s.id
    for no key update;
    update parking.spots s
    set position = o.n
    from (
        select g.id, row_number() over (
            order by g.retired_at is not null, parking_private.sort_key(g.position, g.id is not distinct from moved, place), g.id) as n
        from parking.spots g
        where g.tenant_id = spot_row.tenant_id and g.row_id = spot_row.id
    ) o
    where s.tenant_id = spot_row.tenant_id and s.id = o.id and s.position <> o.n;
end;

comment on function parking_private.order_spots(parking.rows, bigint, integer) is 'As order_floors(), for the spots of a row.';


create function parking_private.floor_details(floor parking.floors)
    returns parking.floor_details
    language sql
    stable
begin atomic
    select row(f.id, f.lot_id, f.name, f.position,
        (select count(*) from parking.rows r where r.tenant_id = f.tenant_id and r.floor_id = f.id and r.retired_at is null),
        (select count(*)
         from parking.rows r
         join parking.spots s on s.tenant_id = r.tenant_id and s.row_id = r.id
         where r.tenant_id = f.tenant_id and r.floor_id = f.id and s.retired_at is null))::parking.floor_details
    from parking.floors f
    where f.tenant_id = floor.tenant_id and f.id = floor.id;
end;

comment on function parking_private.floor_details(parking.floors) is 'A floor as the functions return it.';


create function parking_private.row_details(spot_row parking.rows)
    returns parking.row_details
    language sql
    stable
begin atomic
    select row(r.id, r.floor_id, r.lot_id, r.name, r.position,
        (select count(*) from parking.spots s where s.tenant_id = r.tenant_id and s.row_id = r.id and s.retired_at is null))::parking.row_details
    from parking.rows r
    where r.tenant_id = spot_row.tenant_id and r.id = spot_row.id;
end;

comment on function parking_private.row_details(parking.rows) is 'A row as the functions return it.';


create function parking_private.spot_details(spot parking.spots)
    returns parking.spot_details
    language sql
    stable
begin atomic
    select row(s.id, s.row_id, r.floor_id, s.lot_id, s.name, s.type, s.length_cm, s.width_cm, s.position)::parking.spot_details
    from parking.spots s
    join parking.rows r on r.tenant_id = s.tenant_id and r.id = s.row_id
    where s.tenant_id = spot.tenant_id and s.id = spot.id;
end;

comment on function parking_private.spot_details(parking.spots) is 'A spot as the functions return it.';


create function parking_private.retire_spots(
    lot   parking.lots,
    spots bigint[]
)
    returns timestamptz
    language plpgsql
    volatile
as $$
declare
    v_now  timestamptz;
    v_live record;
begin
    perform from parking.spots s
    where s.tenant_id = lot.tenant_id and s.id = any (spots)
    order by s.id
    for update;

    v_now := parking.clock();
    select count(*) as number, max(r.ends) as ends into v_live
    from parking.reservations r
    where r.tenant_id = lot.tenant_id and r.lot_id = lot.id and r.spot_id = any (spots)
      and r.status = 'active' and r.starts > v_now - interval '168 hours' and r.ends > v_now;
    if v_live.number > 0 then
        perform parking_private.refuse('bookings-ahead', format('Live bookings: %s, the last one until %s.',
            v_live.number, parking_private.local_time(v_live.ends, lot.time_zone)));
    end if;
    update parking.spots s
    set retired_at = v_now
    where s.tenant_id = lot.tenant_id and s.id = any (spots);
    return v_now;
end
$$;

comment on function parking_private.retire_spots(parking.lots, bigint[]) is
    'Retire spots of a lot that is held, all or, while live bookings lie ahead, none of them; returns since when they are.';

commit;
