-- Deploy parking:arranging_floors to pg
-- requires: laying_out

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

commit;
