-- Deploy parking:arranging_spots to pg
-- requires: arranging_rows

begin;

set local role parking_owner;

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
