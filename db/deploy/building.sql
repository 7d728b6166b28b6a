-- Deploy parking:building to pg
-- requires: arranging_spots
-- requires: opening
-- requires: capacity
--
-- A lot as a whole: built in one call from a compact description, shown with all that it consists of, changed, retired.

begin;

set local role parking_owner;

create function parking_private.require_lot(
    address         text,
    time_zone       text,
    latitude        double precision,
    longitude       double precision,
    amenities       text[],
    longest_booking interval,
    booking_horizon interval
)
    returns void
    language plpgsql
    stable
as $$
begin
    if address is null or length(address) > 500 then
        perform parking_private.refuse('not-an-address', 'The address is missing or too long.');
    elsif time_zone is null or time_zone !~ '^[A-Z]' or not parking_private.is_time_zone(time_zone) then
        perform parking_private.refuse('not-a-time-zone', format('%s is no time zone.', coalesce(quote_literal(left(time_zone, 100)), 'null')));
    elsif (latitude is null) <> (longitude is null) or latitude not between -90 and 90 or longitude not between -180 and 180 then
        perform parking_private.refuse('not-a-position', 'A position takes a latitude from -90 to 90 and a longitude from -180 to 180.');
    elsif amenities is null or array_ndims(amenities) > 1 or not amenities <@ parking_private.amenities()
        or exists (select from unnest(amenities) a(amenity) where a.amenity is null)
    then
        perform parking_private.refuse('not-an-amenity', format('Amenities are: %s.', array_to_string(parking_private.amenities(), ', ')));
    elsif longest_booking < '0' or longest_booking > '7 days' or booking_horizon < '0' or booking_horizon > '3650 days' then
        perform parking_private.refuse('not-a-booking-limit', 'A booking cannot be so long, or end so far ahead.');
    end if;
end
$$;

comment on function parking_private.require_lot(text, text, double precision, double precision, text[], interval, interval) is
    'Refuse what a lot cannot have; its name, hours and slots are looked at elsewhere.';


create function parking_private.lot_details(lot parking.lots)
    returns parking.lot_details
    language sql
    stable
begin atomic
    select row(l.id, l.name, l.address, l.time_zone, l.latitude, l.longitude, l.public, l.amenities,
        parking_private.write_week(l),
        array(select parking_private.write_hours(s.starts, s.ends) from parking.time_slots s
              where s.tenant_id = l.tenant_id and s.lot_id = l.id order by s.starts),
        coalesce(l.longest_booking, t.longest_booking), coalesce(l.booking_horizon, t.booking_horizon),
        (select count(*) from parking.floors f where f.tenant_id = l.tenant_id and f.lot_id = l.id and f.retired_at is null),
        (select count(*) from parking.spots s where s.tenant_id = l.tenant_id and s.lot_id = l.id and s.retired_at is null))::parking.lot_details
    from parking.lots l
    join parking.tenants t on t.id = l.tenant_id
    where l.tenant_id = lot.tenant_id and l.id = lot.id;
end;

comment on function parking_private.lot_details(parking.lots) is 'A lot as the functions return it.';


create function parking.build_lot(
    actor           bigint,
    name            text,
    time_zone       text,
    floors          integer default 1,
    rows            integer default 1,
    spots           integer default 10,
    layout          jsonb default null,
    address         text default '',
    latitude        double precision default null,
    longitude       double precision default null,
    public          boolean default true,
    amenities       text[] default '{}',
    opening_hours   text default '24/7',
    slots           text[] default '{08:00-12:00,12:00-16:00,16:00-20:00}',
    longest_booking interval default null,
    booking_horizon interval default null
)
    returns parking.lot_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:parking');
    v_layout jsonb := layout;
    v_lot    parking.lots;
begin
    perform parking_private.require_name('lot', build_lot.name);
    perform parking_private.require_lot(build_lot.address, build_lot.time_zone, build_lot.latitude, build_lot.longitude, build_lot.amenities,
        build_lot.longest_booking, build_lot.booking_horizon);
    if v_layout is null then
        if floors is null or floors not between 0 and 100 then
            perform parking_private.refuse('not-a-layout', format('A lot cannot have %s floors; 100 at most.', coalesce(floors::text, 'null')));
        end if;
        v_layout := coalesce((
            select jsonb_agg(jsonb_build_object('rows', build_lot.rows, 'spots', build_lot.spots)) from generate_series(1, floors)), '[]');
    end if;

    insert into parking.lots as l (tenant_id, name, address, time_zone, latitude, longitude, public, amenities, longest_booking, booking_horizon)
    values (v_person.tenant_id, build_lot.name, build_lot.address, build_lot.time_zone, build_lot.latitude, build_lot.longitude,
        coalesce(build_lot.public, true), build_lot.amenities,
        nullif(build_lot.longest_booking, '0'), nullif(build_lot.booking_horizon, '0'))
    on conflict (tenant_id, lower(name)) where retired_at is null do nothing
    returning l.* into v_lot;
    if not found then
        perform parking_private.refuse_taken_name('lot', build_lot.name);
    end if;
    perform parking_private.lay_out(v_lot, v_layout);
    perform parking_private.set_week(v_lot, coalesce(build_lot.opening_hours, '24/7'));
    perform parking_private.set_slots(v_lot, build_lot.slots);
    perform parking_private.audit(actor, 'lot.built', 'lot', v_lot.id, jsonb_build_object('name', v_lot.name, 'layout', v_layout));
    return parking_private.lot_details(v_lot);
end
$$;

comment on function parking.build_lot(bigint, text, text, integer, integer, integer, jsonb, text, double precision, double precision, boolean,
    text[], text, text[], interval, interval) is
$$Build a whole lot: so many floors, each of so many rows, each of so many spots; or a layout, where they differ.

A layout is a JSON list of floors from the bottom up. A floor has a name or not, and rows, either a number of them, all alike
with so many spots, or a list in which each row has spots, and may have a name, type, length_cm, width_cm and a prefix for the names
of its spots: [{"name": "Ground", "rows": [{"spots": 20}, {"name": "EV", "spots": 4, "type": "ev", "prefix": "E"}]}, {"rows": 2, "spots": 30}].
Without names of their own, spots are called by floor, row and number: 2-B-07.

Opening hours are written as Mo-Fr 06:00-22:00; Sa 08:00-20:00, or 24/7; a lot that is not public is seen only by people of the tenant.

Problems: unknown-actor, not-permitted, not-a-name, name-taken, not-an-address, not-a-time-zone, not-a-position, not-an-amenity,
not-a-booking-limit, not-a-layout, not-a-spot-type, not-a-size, not-hours, slots-overlap.

Example:
    select name, floors, spots, opening_hours
    from parking.build_lot(parking.find_person('operator@parking.com'), 'Harbour', 'Europe/Lisbon', floors => 3, rows => 10, spots => 50,
        opening_hours => 'Mo-Sa 06:00-23:00', amenities => '{covered,lift}');
      name   | floors | spots |   opening_hours
    ---------+--------+-------+-------------------
     Harbour |      3 |  1500 | Mo-Sa 06:00-23:00
    (1 row)

    select name, floors, spots
    from parking.build_lot(parking.find_person('operator@parking.com'), 'Corner', 'Europe/Lisbon',
        layout => '[{"name": "Yard", "rows": [{"spots": 20}, {"spots": 4, "type": "ev", "prefix": "E"}]}]');
      name  | floors | spots
    --------+--------+-------
     Corner |      1 |    24
    (1 row)$$;

grant execute on function parking.build_lot(bigint, text, text, integer, integer, integer, jsonb, text, double precision, double precision, boolean,
    text[], text, text[], interval, interval) to parking_service, parking_dba;


create function parking.list_lots(
    tenant text default 'default',
    actor  bigint default null
)
    returns setof parking.lot_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_tenant bigint;
    v_person parking.people;
begin
    if list_lots.actor is not null then
        v_person := parking_private.require_actor(list_lots.actor, 'read:parking');
        v_tenant := v_person.tenant_id;
    else
        v_tenant := parking_private.tenant_of(list_lots.tenant);
        perform parking_private.enter_tenant(v_tenant);
    end if;
    return query
        select d.id, d.name, d.address, d.time_zone, d.latitude, d.longitude, d.public, d.amenities, d.opening_hours, d.slots, d.longest_booking,
               d.booking_horizon, d.floors, d.spots
        from parking.lots l
        cross join lateral parking_private.lot_details(l) d
        where l.tenant_id = v_tenant and l.retired_at is null and (l.public or list_lots.actor is not null)
        order by l.id;
end
$$;

comment on function parking.list_lots(text, bigint) is
$$The public lots of a tenant; with an actor, all lots of the actor's own tenant.

Problems: unknown-actor, not-permitted.

Example:
    select name, time_zone, floors, spots, slots from parking.list_lots() where id = 1;
        name     |   time_zone   | floors | spots |                 slots
    -------------+---------------+--------+-------+---------------------------------------
     Demo Garage | Europe/Berlin |      1 |     5 | {08:00-12:00,12:00-16:00,16:00-20:00}
    (1 row)$$;

grant execute on function parking.list_lots(text, bigint) to parking_service, parking_dba;


create function parking.describe_lot(
    lot   bigint,
    actor bigint default null
)
    returns jsonb
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot constant parking.lots := parking_private.enter_lot(coalesce(lot, 0), null, actor);
begin
    return (
        with spots as (
            select s.row_id, jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'type', s.type, 'length_cm', s.length_cm,
                'width_cm', s.width_cm, 'position', s.position) order by s.position) as list
            from parking.spots s
            where s.tenant_id = v_lot.tenant_id and s.lot_id = v_lot.id and s.retired_at is null
            group by s.row_id
        ), places as (
            select r.floor_id, jsonb_agg(jsonb_build_object('id', r.id, 'name', r.name, 'position', r.position,
                'spots', coalesce(s.list, '[]')) order by r.position) as list
            from parking.rows r
            left join spots s on s.row_id = r.id
            where r.tenant_id = v_lot.tenant_id and r.lot_id = v_lot.id and r.retired_at is null
            group by r.floor_id
        )
        select to_jsonb(d) - '{longest_booking,booking_horizon,floors,spots}'::text[] || jsonb_build_object(
            'longest_booking_hours', extract(epoch from d.longest_booking) / 3600,
            'booking_horizon_days', extract(epoch from d.booking_horizon) / 86400,
            'floors', coalesce((
                select jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'position', f.position, 'rows', coalesce(p.list, '[]'))
                    order by f.position)
                from parking.floors f
                left join places p on p.floor_id = f.id
                where f.tenant_id = v_lot.tenant_id and f.lot_id = v_lot.id and f.retired_at is null), '[]'))
        from parking_private.lot_details(v_lot) d
    );
end
$$;

comment on function parking.describe_lot(bigint, bigint) is
$$A lot with its floors, their rows and their spots as one JSON document, in the order from the bottom; without what is retired.

Problems: unknown-lot.

Example:
    select l ->> 'name' as name, l #>> '{floors,0,name}' as floor, l #>> '{floors,0,rows,0,spots,2,type}' as third
    from parking.describe_lot(1) l;
        name     |    floor     |  third
    -------------+--------------+----------
     Demo Garage | Ground floor | handicap
    (1 row)$$;

grant execute on function parking.describe_lot(bigint, bigint) to parking_service, parking_dba;


create function parking.change_lot(
    actor           bigint,
    lot             bigint,
    name            text default null,
    address         text default null,
    time_zone       text default null,
    latitude        double precision default null,
    longitude       double precision default null,
    public          boolean default null,
    amenities       text[] default null,
    opening_hours   text default null,
    longest_booking interval default null,
    booking_horizon interval default null
)
    returns parking.lot_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot parking.lots := parking_private.hold_lot(actor, lot);
begin
    perform parking_private.require_name('lot', coalesce(change_lot.name, v_lot.name));
    v_lot.name := coalesce(change_lot.name, v_lot.name);
    v_lot.address := coalesce(change_lot.address, v_lot.address);
    v_lot.time_zone := coalesce(change_lot.time_zone, v_lot.time_zone);
    v_lot.latitude := nullif(coalesce(change_lot.latitude, v_lot.latitude), 'NaN');
    v_lot.longitude := nullif(coalesce(change_lot.longitude, v_lot.longitude), 'NaN');
    v_lot.public := coalesce(change_lot.public, v_lot.public);
    v_lot.amenities := coalesce(change_lot.amenities, v_lot.amenities);
    perform parking_private.require_lot(v_lot.address, v_lot.time_zone, v_lot.latitude, v_lot.longitude, v_lot.amenities,
        change_lot.longest_booking, change_lot.booking_horizon);
    begin
        update parking.lots l
        set name = v_lot.name, address = v_lot.address, time_zone = v_lot.time_zone, latitude = v_lot.latitude, longitude = v_lot.longitude,
            public = v_lot.public, amenities = v_lot.amenities,
            longest_booking = nullif(coalesce(change_lot.longest_booking, l.longest_booking), '0'),
            booking_horizon = nullif(coalesce(change_lot.booking_horizon, l.booking_horizon), '0')
        where l.tenant_id = v_lot.tenant_id and l.id = v_lot.id;
    exception when unique_violation then
        perform parking_private.refuse_taken_name('lot', v_lot.name);
    end;
    if change_lot.opening_hours is not null then
        perform parking_private.set_week(v_lot, change_lot.opening_hours);
    end if;
    if change_lot.time_zone is not null then
        perform parking_private.require_slots_apart(v_lot);
    end if;
    perform parking_private.audit(actor, 'lot.changed', 'lot', v_lot.id, jsonb_strip_nulls(jsonb_build_object(
        'name', change_lot.name, 'address', change_lot.address, 'time_zone', change_lot.time_zone, 'latitude', change_lot.latitude,
        'longitude', change_lot.longitude, 'public', change_lot.public, 'amenities', change_lot.amenities,
        'opening_hours', change_lot.opening_hours, 'longest_booking', change_lot.longest_booking,
        'booking_horizon', change_lot.booking_horizon)));
    return parking_private.lot_details(v_lot);
end
$$;

comment on function parking.change_lot(bigint, bigint, text, text, text, double precision, double precision, boolean, text[], text, interval, interval) is
$$Change what is said of a lot; what is null stays. A longest booking or a booking horizon of zero is the tenant's own again,
and the latitude and longitude NaN take the position away.

Bookings stay as they are, also where they lie outside of new opening hours: they are moments, not hours of a clock.

Problems: unknown-actor, not-permitted, unknown-lot, not-a-name, name-taken, not-an-address, not-a-time-zone, not-a-position, not-an-amenity,
not-a-booking-limit, not-hours, slots-overlap.

Example:
    select opening_hours, amenities, longest_booking
    from parking.change_lot(parking.find_person('operator@parking.com'), 1, opening_hours => 'Mo-Fr 06:00-22:00; Sa,Su 08:00-20:00',
        amenities => '{covered,cctv}', longest_booking => '12 hours');
                opening_hours             |   amenities    | longest_booking
    --------------------------------------+----------------+-----------------
     Mo-Fr 06:00-22:00; Sa-Su 08:00-20:00 | {covered,cctv} | 12:00:00
    (1 row)$$;

grant execute on function parking.change_lot(bigint, bigint, text, text, text, double precision, double precision, boolean, text[], text, interval, interval)
    to parking_service, parking_dba;


create function parking.list_slots(
    lot   bigint,
    actor bigint default null
)
    returns setof text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot constant parking.lots := parking_private.enter_lot(coalesce(lot, 0), null, actor);
begin
    return query select s.slot from parking_private.lot_details(v_lot) d cross join unnest(d.slots) s(slot);
end
$$;

comment on function parking.list_slots(bigint, bigint) is
$$A lot's time slots, by its wall clock: what its board offers on every day on which it is open.

Problems: unknown-lot.

Example:
    select slot from parking.list_slots(1) slot;
        slot
    -------------
     08:00-12:00
     12:00-16:00
     16:00-20:00
    (3 rows)$$;

grant execute on function parking.list_slots(bigint, bigint) to parking_service, parking_dba;


create function parking.set_slots(
    actor bigint,
    lot   bigint,
    slots text[]
)
    returns setof text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot constant parking.lots := parking_private.hold_lot(actor, lot);
begin
    perform parking_private.set_slots(v_lot, set_slots.slots);
    perform parking_private.audit(actor, 'lot.slots_set', 'lot', v_lot.id, jsonb_build_object('slots', set_slots.slots));
    return query select s.slot from parking_private.lot_details(v_lot) d cross join unnest(d.slots) s(slot);
end
$$;

comment on function parking.set_slots(bigint, bigint, text[]) is
$$Replace all time slots of a lot; returns them in order. One that ends at or before its start ends on the next day.

They must not overlap, not even on the days on which the clock is put forward or back. Bookings stay as they are.

Problems: unknown-actor, not-permitted, unknown-lot, not-hours, slots-overlap.

Example:
    select slot from parking.set_slots(parking.find_person('operator@parking.com'), 1, '{06:00-14:00,14:00-22:00,22:00-06:00}') slot;
        slot
    -------------
     06:00-14:00
     14:00-22:00
     22:00-06:00
    (3 rows)

    select * from parking.set_slots(parking.find_person('operator@parking.com'), 1, '{08:00-12:00,08:00-10:00}');
    ERROR:  Two of the time slots begin at the same time.
    DETAIL:  The time slots overlap
    HINT:  Let each slot start when the one before has ended, or later.$$;

grant execute on function parking.set_slots(bigint, bigint, text[]) to parking_service, parking_dba;


create function parking.retire_lot(
    actor bigint,
    lot   bigint
)
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot   constant parking.lots := parking_private.hold_lot(actor, lot);
    v_spots bigint[];
    v_now   timestamptz;
begin
    v_spots := array(select s.id from parking.spots s where s.tenant_id = v_lot.tenant_id and s.lot_id = v_lot.id and s.retired_at is null);
    v_now := parking_private.retire_spots(v_lot, v_spots);
    perform parking_private.require_nobody_inside(v_lot);
    update parking.rows r set retired_at = v_now where r.tenant_id = v_lot.tenant_id and r.lot_id = v_lot.id and r.retired_at is null;
    update parking.floors f set retired_at = v_now where f.tenant_id = v_lot.tenant_id and f.lot_id = v_lot.id and f.retired_at is null;
    update parking.lots l set retired_at = v_now where l.tenant_id = v_lot.tenant_id and l.id = v_lot.id;
    perform parking_private.audit(actor, 'lot.retired', 'lot', v_lot.id, jsonb_build_object('name', v_lot.name, 'spots', cardinality(v_spots)));
    return cardinality(v_spots);
end
$$;

comment on function parking.retire_lot(bigint, bigint) is
$$Take a lot out of use with all its floors, rows and spots; returns how many spots. From then on it is an unknown lot.

Its past bookings stay in the record, and in the views.

Problems: unknown-actor, not-permitted, unknown-lot, bookings-ahead, garage-not-empty.

Example:
    select parking.retire_lot(parking.find_person('operator@parking.com'), 1) as spots;
     spots
    -------
         5
    (1 row)

    select * from parking.find_lot(1);
    ERROR:  There is no lot 1.
    DETAIL:  No such lot
    HINT:  Check the lot's number.$$;

grant execute on function parking.retire_lot(bigint, bigint) to parking_service, parking_dba;

commit;
