-- Verify parking:placing on pg

begin;

do $$
declare
    v_lot parking.lots;
    v_row parking.rows;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify'), (-2, 'other', 'Other');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'operator@verify.example', 'O'), (-1, -2, 'driver@verify.example', 'D'), (-2, -3, 'operator@other.example', 'P');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'operator'), (-1, -2, 'driver'), (-2, -3, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value
    values (-1, -1, -1, 'Ground', 1), (-1, -1, -2, 'Top', 2);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value
    values (-1, -1, -1, -1, 'A', 1) returning * into v_row;
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value
    values (-1, -1, -1, -1, '1', 1), (-1, -1, -1, -2, '2', 2);

    v_lot := parking_private.hold_place(-1, 'spot', -1);
    assert v_lot.id = -1 and parking_private.current_tenant() = -1;
    assert exists (select from pg_locks where locktype = 'advisory' and classid = 727566 and pid = pg_backend_pid() and granted),
        'nobody else builds there';
    begin
        perform parking_private.hold_lot(-2, -1);
        assert false, 'a driver must not build';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    begin
        perform parking_private.hold_place(-3, 'spot', -1);
        assert false, 'another tenant''s spot does not exist';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    perform parking_private.enter_place('floor', -2, null);
    perform parking_private.order_floors(v_lot, -2, 1);
    assert (select array_agg(name order by position) = '{Top,Ground}' from parking.floors where tenant_id = -1);
    perform parking_private.order_spots(v_row, -2, 1);
    assert (select array_agg(name order by position) = '{2,1}' from parking.spots where tenant_id = -1);
    assert (select (parking_private.row_details(v_row)).spots = 2);
    begin
        perform parking_private.require_spot_kind('ev', 99, null);
        assert false, 'a spot of less than a metre must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    perform parking_private.retire_spots(v_lot, '{-1,-2}');
    assert (select bool_and(retired_at is not null) from parking.spots where tenant_id = -1);
    assert not has_function_privilege('parking_service', 'parking_private.retire_spots(parking.lots, bigint[])', 'execute');
end
$$;

rollback;
