-- Deploy parking:arranging to pg
-- requires: laying_out
--
-- Floors, rows and spots are added, looked up, changed, put in order and retired; how is in laying_out.

begin;

set local role parking_owner;

create function parking.add_floor(
    actor     bigint,
    lot       bigint,
    name      text,
    rows      integer default 0,
    spots     integer default 0,
    spot_type text default 'regular',
    place     integer default null
)
    returns parking.floor_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot   constant parking.lots := parking_private.hold_lot(actor, lot);
    v_floor parking.floors;
begin
    perform parking_private.require_name('floor', add_floor.name);
    perform parking_private.lay_out(v_lot,
        jsonb_build_array(jsonb_build_object('name', add_floor.name, 'rows', add_floor.rows, 'spots', add_floor.spots, 'type', spot_type)));
    select f.* into strict v_floor
    from parking.floors f
    where f.tenant_id = v_lot.tenant_id and f.lot_id = v_lot.id and f.name = add_floor.name and f.retired_at is null;
    perform parking_private.order_floors(v_lot, v_floor.id, place);
    perform parking_private.audit(actor, 'floor.added', 'floor', v_floor.id,
        jsonb_build_object('lot', v_lot.id, 'name', v_floor.name, 'rows', add_floor.rows, 'spots', add_floor.spots));
    return parking_private.floor_details(v_floor);
end
$$;

comment on function parking.add_floor(bigint, bigint, text, integer, integer, text, integer) is
$$Add a floor to a lot: at a place in the order from the bottom, or on top; with so many rows of so many spots each.

The rows are called A, B and so on, the spots by the number of the floor (of all that the lot ever had, so that no name
comes twice), the row and a number: 2-B-07.

Problems: unknown-actor, not-permitted, unknown-lot, not-a-name, name-taken, not-a-layout, not-a-spot-type, not-a-place-in-order.

Example:
    select name, position, rows, spots
    from parking.add_floor(parking.find_person('operator@parking.com'), 1, 'Roof', rows => 2, spots => 20);
     name | position | rows | spots
    ------+----------+------+-------
     Roof |        2 |    2 |    40
    (1 row)$$;

grant execute on function parking.add_floor(bigint, bigint, text, integer, integer, text, integer) to parking_service, parking_dba;


create function parking.find_floor(
    floor bigint,
    actor bigint default null
)
    returns parking.floor_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_floor parking.floors;
begin
    perform parking_private.enter_place('floor', floor, actor);
    select f.* into strict v_floor from parking.floors f where f.tenant_id = parking_private.current_tenant() and f.id = find_floor.floor;
    return parking_private.floor_details(v_floor);
end
$$;

comment on function parking.find_floor(bigint, bigint) is
$$A floor by its number; one of a lot that is not public only for an actor of its tenant.

Problems: unknown-floor.

Example:
    select name, position, rows, spots from parking.find_floor(1);
         name     | position | rows | spots
    --------------+----------+------+-------
     Ground floor |        1 |    1 |     5
    (1 row)$$;

grant execute on function parking.find_floor(bigint, bigint) to parking_service, parking_dba;


create function parking.change_floor(
    actor bigint,
    floor bigint,
    name  text default null,
    place integer default null
)
    returns parking.floor_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot   constant parking.lots := parking_private.hold_place(actor, 'floor', floor);
    v_floor parking.floors;
begin
    select f.* into v_floor
    from parking.floors f
    where f.tenant_id = v_lot.tenant_id and f.id = change_floor.floor and f.retired_at is null;
    if not found then
        perform parking_private.refuse_place('floor', floor);
    elsif name is not null then
        perform parking_private.require_name('floor', name);
        begin
            update parking.floors f set name = change_floor.name where f.tenant_id = v_lot.tenant_id and f.id = v_floor.id;
        exception when unique_violation then
            perform parking_private.refuse_taken_name('floor', name);
        end;
    end if;
    perform parking_private.order_floors(v_lot, v_floor.id, place);
    perform parking_private.audit(actor, 'floor.changed', 'floor', v_floor.id,
        jsonb_strip_nulls(jsonb_build_object('name', change_floor.name, 'position', place)));
    return parking_private.floor_details(v_floor);
end
$$;

comment on function parking.change_floor(bigint, bigint, text, integer) is
$$Give a floor another name, or another place in the order from the bottom; what is null stays.

Problems: unknown-actor, not-permitted, unknown-floor, not-a-name, name-taken, not-a-place-in-order.

Example:
    select name, position from parking.change_floor(parking.find_person('operator@parking.com'), 1, name => 'Level 0');
      name   | position
    ---------+----------
     Level 0 |        1
    (1 row)$$;

grant execute on function parking.change_floor(bigint, bigint, text, integer) to parking_service, parking_dba;


create function parking.retire_floor(
    actor bigint,
    floor bigint
)
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot   constant parking.lots := parking_private.hold_place(actor, 'floor', floor);
    v_name  text;
    v_spots bigint[];
    v_now   timestamptz;
begin
    v_spots := array(
        select s.id
        from parking.rows r
        join parking.spots s on s.tenant_id = r.tenant_id and s.row_id = r.id
        where r.tenant_id = v_lot.tenant_id and r.floor_id = floor and s.retired_at is null
    );
    v_now := parking_private.retire_spots(v_lot, v_spots);
    update parking.rows r set retired_at = v_now where r.tenant_id = v_lot.tenant_id and r.floor_id = floor and r.retired_at is null;
    update parking.floors f set retired_at = v_now
    where f.tenant_id = v_lot.tenant_id and f.id = floor and f.retired_at is null
    returning f.name into v_name;
    if not found then
        perform parking_private.refuse_place('floor', floor);
    end if;
    perform parking_private.order_floors(v_lot, null, null);
    perform parking_private.audit(actor, 'floor.retired', 'floor', floor, jsonb_build_object('name', v_name, 'spots', cardinality(v_spots)));
    return cardinality(v_spots);
end
$$;

comment on function parking.retire_floor(bigint, bigint) is
$$Take a floor out of use with all its rows and spots; returns how many spots. Its name is free again.

Its past bookings stay in the record.

Problems: unknown-actor, not-permitted, unknown-floor, bookings-ahead.

Example:
    select parking.retire_floor(parking.find_person('operator@parking.com'), 1) as spots;
     spots
    -------
         5
    (1 row)$$;

grant execute on function parking.retire_floor(bigint, bigint) to parking_service, parking_dba;


create function parking.add_row(
    actor     bigint,
    floor     bigint,
    name      text,
    spots     integer default 0,
    spot_type text default 'regular',
    prefix    text default null,
    place     integer default null
)
    returns parking.row_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot   constant parking.lots := parking_private.hold_place(actor, 'floor', floor);
    v_floor parking.floors;
    v_row   parking.rows;
begin
    select f.* into v_floor
    from parking.floors f
    where f.tenant_id = v_lot.tenant_id and f.id = add_row.floor and f.retired_at is null;
    if not found then
        perform parking_private.refuse_place('floor', floor);
    end if;
    perform parking_private.require_name('row', name);
    perform parking_private.require_spot_kind(spot_type, null, null);
    perform parking_private.lay_rows(v_floor, jsonb_build_array(
        jsonb_build_object('name', name, 'spots', spots, 'type', spot_type)
        || case when prefix is null then '{}' else jsonb_build_object('prefix', prefix) end));
    select r.* into strict v_row
    from parking.rows r
    where r.tenant_id = v_lot.tenant_id and r.floor_id = v_floor.id and r.name = add_row.name and r.retired_at is null;
    perform parking_private.order_rows(v_floor, v_row.id, place);
    perform parking_private.audit(actor, 'row.added', 'row', v_row.id,
        jsonb_build_object('floor', v_floor.id, 'name', v_row.name, 'spots', add_row.spots));
    return parking_private.row_details(v_row);
end
$$;

comment on function parking.add_row(bigint, bigint, text, integer, text, text, integer) is
$$Add a row to a floor, at a place in the order or behind the others, with so many spots of one type.

The spots are called by a prefix and a number; without a prefix it is the floor's number (of all that the lot ever had, wherever
it has been moved) and the row's name, as in 1-B-07.

Problems: unknown-actor, not-permitted, unknown-floor, not-a-name, name-taken, not-a-layout, not-a-spot-type, not-a-place-in-order.

Example:
    select name, position, spots
    from parking.add_row(parking.find_person('operator@parking.com'), 1, 'Row B', spots => 4, spot_type => 'ev', prefix => 'E');
     name  | position | spots
    -------+----------+-------
     Row B |        2 |     4
    (1 row)

    select spot, type from parking.places where "row" = 'Row B' order by spot;
     spot | type
    ------+------
     E01  | ev
     E02  | ev
     E03  | ev
     E04  | ev
    (4 rows)$$;

grant execute on function parking.add_row(bigint, bigint, text, integer, text, text, integer) to parking_service, parking_dba;


create function parking.find_row(
    spot_row bigint,
    actor    bigint default null
)
    returns parking.row_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_row parking.rows;
begin
    perform parking_private.enter_place('row', spot_row, actor);
    select r.* into strict v_row from parking.rows r where r.tenant_id = parking_private.current_tenant() and r.id = spot_row;
    return parking_private.row_details(v_row);
end
$$;

comment on function parking.find_row(bigint, bigint) is
$$A row by its number; one of a lot that is not public only for an actor of its tenant.

Problems: unknown-row.

Example:
    select name, position, spots from parking.find_row(1);
     name  | position | spots
    -------+----------+-------
     Row A |        1 |     5
    (1 row)$$;

grant execute on function parking.find_row(bigint, bigint) to parking_service, parking_dba;


create function parking.change_row(
    actor    bigint,
    spot_row bigint,
    name     text default null,
    place    integer default null
)
    returns parking.row_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot   constant parking.lots := parking_private.hold_place(actor, 'row', spot_row);
    v_row   parking.rows;
    v_floor parking.floors;
begin
    select r.* into v_row from parking.rows r where r.tenant_id = v_lot.tenant_id and r.id = spot_row and r.retired_at is null;
    if not found then
        perform parking_private.refuse_place('row', spot_row);
    elsif name is not null then
        perform parking_private.require_name('row', name);
        begin
            update parking.rows r set name = change_row.name where r.tenant_id = v_lot.tenant_id and r.id = v_row.id;
        exception when unique_violation then
            perform parking_private.refuse_taken_name('row', name);
        end;
    end if;
    select f.* into strict v_floor from parking.floors f where f.tenant_id = v_lot.tenant_id and f.id = v_row.floor_id;
    perform parking_private.order_rows(v_floor, v_row.id, place);
    perform parking_private.audit(actor, 'row.changed', 'row', v_row.id,
        jsonb_strip_nulls(jsonb_build_object('name', change_row.name, 'position', place)));
    return parking_private.row_details(v_row);
end
$$;

comment on function parking.change_row(bigint, bigint, text, integer) is
$$Give a row another name, or another place in the order on its floor; what is null stays. Its spots keep their names.

Problems: unknown-actor, not-permitted, unknown-row, not-a-name, name-taken, not-a-place-in-order.

Example:
    select name, position from parking.change_row(parking.find_person('operator@parking.com'), 1, name => 'North');
     name  | position
    -------+----------
     North |        1
    (1 row)$$;

grant execute on function parking.change_row(bigint, bigint, text, integer) to parking_service, parking_dba;


create function parking.retire_row(
    actor    bigint,
    spot_row bigint
)
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot   constant parking.lots := parking_private.hold_place(actor, 'row', spot_row);
    v_row   parking.rows;
    v_floor parking.floors;
    v_spots bigint[];
    v_now   timestamptz;
begin
    v_spots := array(select s.id from parking.spots s where s.tenant_id = v_lot.tenant_id and s.row_id = spot_row and s.retired_at is null);
    v_now := parking_private.retire_spots(v_lot, v_spots);
    update parking.rows r set retired_at = v_now
    where r.tenant_id = v_lot.tenant_id and r.id = spot_row and r.retired_at is null
    returning r.* into v_row;
    if not found then
        perform parking_private.refuse_place('row', spot_row);
    end if;
    select f.* into strict v_floor from parking.floors f where f.tenant_id = v_lot.tenant_id and f.id = v_row.floor_id;
    perform parking_private.order_rows(v_floor, null, null);
    perform parking_private.audit(actor, 'row.retired', 'row', spot_row, jsonb_build_object('name', v_row.name, 'spots', cardinality(v_spots)));
    return cardinality(v_spots);
end
$$;

comment on function parking.retire_row(bigint, bigint) is
$$Take a row out of use with all its spots; returns how many. Its past bookings stay in the record.

Problems: unknown-actor, not-permitted, unknown-row, bookings-ahead.

Example:
    select parking.retire_row(parking.find_person('operator@parking.com'), 1) as spots;
     spots
    -------
         5
    (1 row)$$;

grant execute on function parking.retire_row(bigint, bigint) to parking_service, parking_dba;


create function parking.add_spot(
    actor     bigint,
    spot_row  bigint,
    name      text,
    spot_type text default 'regular',
    length_cm integer default null,
    width_cm  integer default null,
    place     integer default null
)
    returns parking.spot_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot  constant parking.lots := parking_private.hold_place(actor, 'row', spot_row);
    v_row  parking.rows;
    v_spot parking.spots;
begin
    select r.* into v_row from parking.rows r where r.tenant_id = v_lot.tenant_id and r.id = spot_row and r.retired_at is null;
    if not found then
        perform parking_private.refuse_place('row', spot_row);
    end if;
    perform parking_private.require_name('spot', add_spot.name);
    perform parking_private.require_spot_kind(spot_type, add_spot.length_cm, add_spot.width_cm);
    insert into parking.spots as s (tenant_id, lot_id, row_id, name, type, length_cm, width_cm, position)
    select v_lot.tenant_id, v_lot.id, v_row.id, add_spot.name, spot_type, add_spot.length_cm, add_spot.width_cm, coalesce(max(o.position), 0) + 1
    from parking.spots o
    where o.tenant_id = v_lot.tenant_id and o.row_id = v_row.id
    on conflict (tenant_id, lot_id, lower(name)) where retired_at is null do nothing
    returning s.* into v_spot;
    if not found then
        perform parking_private.refuse_taken_name('spot', add_spot.name);
    end if;
    perform parking_private.order_spots(v_row, v_spot.id, place);
    perform parking_private.audit(actor, 'spot.added', 'spot', v_spot.id,
        jsonb_build_object('row', v_row.id, 'name', v_spot.name, 'type', v_spot.type));
    return parking_private.spot_details(v_spot);
end
$$;

comment on function parking.add_spot(bigint, bigint, text, text, integer, integer, integer) is
$$Add a spot to a row, at a place in the order or behind the others. Its name is one that no other spot of the lot has.

Problems: unknown-actor, not-permitted, unknown-row, not-a-name, name-taken, not-a-spot-type, not-a-size, not-a-place-in-order.

Example:
    select name, type, length_cm, width_cm, position
    from parking.add_spot(parking.find_person('operator@parking.com'), 1, 'Spot 0', 'compact', 430, 220, place => 1);
      name  |  type   | length_cm | width_cm | position
    --------+---------+-----------+----------+----------
     Spot 0 | compact |       430 |      220 |        1
    (1 row)$$;

grant execute on function parking.add_spot(bigint, bigint, text, text, integer, integer, integer) to parking_service, parking_dba;


create function parking.find_spot(
    spot  bigint,
    actor bigint default null
)
    returns parking.spot_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_spot parking.spots;
begin
    perform parking_private.enter_place('spot', spot, actor);
    select s.* into strict v_spot from parking.spots s where s.tenant_id = parking_private.current_tenant() and s.id = find_spot.spot;
    return parking_private.spot_details(v_spot);
end
$$;

comment on function parking.find_spot(bigint, bigint) is
$$A spot by its number; one of a lot that is not public only for an actor of its tenant.

Problems: unknown-spot.

Example:
    select name, type, position, lot_id from parking.find_spot(3);
      name  |   type   | position | lot_id
    --------+----------+----------+--------
     Spot 3 | handicap |        3 |      1
    (1 row)$$;

grant execute on function parking.find_spot(bigint, bigint) to parking_service, parking_dba;


create function parking.change_spot(
    actor     bigint,
    spot      bigint,
    name      text default null,
    spot_type text default null,
    length_cm integer default null,
    width_cm  integer default null,
    place     integer default null
)
    returns parking.spot_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot  constant parking.lots := parking_private.hold_place(actor, 'spot', spot);
    v_spot parking.spots;
    v_row  parking.rows;
begin
    select s.* into v_spot from parking.spots s where s.tenant_id = v_lot.tenant_id and s.id = spot and s.retired_at is null;
    if not found then
        perform parking_private.refuse_place('spot', spot);
    elsif name is not null then
        perform parking_private.require_name('spot', name);
    end if;
    perform parking_private.require_spot_kind(coalesce(spot_type, v_spot.type), nullif(length_cm, 0), nullif(width_cm, 0));
    select r.* into strict v_row from parking.rows r where r.tenant_id = v_lot.tenant_id and r.id = v_spot.row_id;
    perform parking_private.order_spots(v_row, v_spot.id, place);
    begin
        update parking.spots s
        set name = coalesce(change_spot.name, s.name),
            type = coalesce(spot_type, s.type),
            length_cm = nullif(coalesce(change_spot.length_cm, s.length_cm), 0),
            width_cm = nullif(coalesce(change_spot.width_cm, s.width_cm), 0)
        where s.tenant_id = v_lot.tenant_id and s.id = v_spot.id;
    exception when unique_violation then
        perform parking_private.refuse_taken_name('spot', name);
    end;
    perform parking_private.audit(actor, 'spot.changed', 'spot', v_spot.id, jsonb_strip_nulls(jsonb_build_object(
        'name', change_spot.name, 'type', spot_type, 'length_cm', change_spot.length_cm, 'width_cm', change_spot.width_cm, 'position', place)));
    return parking_private.spot_details(v_spot);
end
$$;

comment on function parking.change_spot(bigint, bigint, text, text, integer, integer, integer) is
$$Change a spot's name, type, size, or its place in the order of its row; what is null stays, and so do its bookings.

A length or a width of zero takes it away: nobody has measured it.

Problems: unknown-actor, not-permitted, unknown-spot, not-a-name, name-taken, not-a-spot-type, not-a-size, not-a-place-in-order.

Example:
    select name, type, position from parking.change_spot(parking.find_person('operator@parking.com'), 5, spot_type => 'ev', place => 1);
      name  | type | position
    --------+------+----------
     Spot 5 | ev   |        1
    (1 row)$$;

grant execute on function parking.change_spot(bigint, bigint, text, text, integer, integer, integer) to parking_service, parking_dba;


create function parking.retire_spot(
    actor bigint,
    spot  bigint
)
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot  constant parking.lots := parking_private.hold_place(actor, 'spot', spot);
    v_spot parking.spots;
    v_row  parking.rows;
begin
    select s.* into v_spot from parking.spots s where s.tenant_id = v_lot.tenant_id and s.id = spot and s.retired_at is null;
    if not found then
        perform parking_private.refuse_place('spot', spot);
    end if;
    perform parking_private.retire_spots(v_lot, array[v_spot.id]);
    select r.* into strict v_row from parking.rows r where r.tenant_id = v_lot.tenant_id and r.id = v_spot.row_id;
    perform parking_private.order_spots(v_row, null, null);
    perform parking_private.audit(actor, 'spot.retired', 'spot', v_spot.id, jsonb_build_object('name', v_spot.name));
    return 1;
end
$$;

comment on function parking.retire_spot(bigint, bigint) is
$$Take a spot out of use; returns 1, the number of spots that were. Its past bookings stay in the record.

Problems: unknown-actor, not-permitted, unknown-spot, bookings-ahead.

Example:
    select parking.retire_spot(parking.find_person('operator@parking.com'), 4);
     retire_spot
    -------------
               1
    (1 row)

    select * from parking.book(parking.find_person('driver1@parking.com'), 4, 'tomorrow 08:00', 'tomorrow 12:00');
    ERROR:  There is no spot 4.
    DETAIL:  No such spot
    HINT:  Choose a spot from the list of spots.$$;

grant execute on function parking.retire_spot(bigint, bigint) to parking_service, parking_dba;

commit;
