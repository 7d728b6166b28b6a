-- Deploy parking:arranging_rows to pg
-- requires: arranging_floors

begin;

set local role parking_owner;

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

commit;
