-- Verify parking:overrides on pg

begin;

do $$
declare
    v_eight constant timestamptz := '2030-01-01 08:00+00';
    v_noon  constant timestamptz := '2030-01-01 12:00+00';
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.overrides (tenant_id, lot_id, spot_id, id, state, source, reason, set_by, starts, ends) overriding system value
    values (-1, -1, -1, -1, 'maintenance', 'operator', 'Paint', -1, v_eight, v_noon);
    begin
        insert into parking.overrides (tenant_id, lot_id, spot_id, id, state, source, reason, set_by, starts) overriding system value
        values (-1, -1, -1, -2, 'occupied', 'operator', 'Seen', -1, v_eight);
        assert false, 'a second override in force must be refused';
    exception when unique_violation then
        null;  -- as it should be
    end;
    assert (select reason = 'Paint' and set_by = 'a@verify.example' from parking.spot_overrides where tenant = 'verify');
    assert (select count(*) = 5 from parking_private.spot_states);
    assert has_table_privilege('parking_dba', 'parking.spot_overrides', 'select'), 'a DBA reads the view';
    assert not has_table_privilege('parking_service', 'parking.overrides', 'select'), 'the service reads no table';
end
$$;

rollback;
