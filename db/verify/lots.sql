-- Verify parking:lots on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'Europe/Berlin');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -2, 'Two', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.time_slots (tenant_id, lot_id, starts, ends) values (-1, -1, '22:00', '06:00');
    begin
        insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -2, -1, -2, '2', 2);
        assert false, 'a spot under another lot''s row must be refused';
    exception when foreign_key_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -3, 'Three', 'CEST');
        assert false, 'an unknown time zone must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -3, '1', 3);
        assert false, 'a second spot of the same name must be refused';
    exception when unique_violation then
        null;  -- as it should be
    end;
    begin
        update parking.lots set amenities = '{swimming-pool}' where id = -1;
        assert false, 'an unknown amenity must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert (select lot = 'One' and floor = 'Ground' and "row" = 'A' and spot = '1' from parking.places where tenant = 'verify');
    assert has_table_privilege('parking_dba', 'parking.places', 'select'), 'a DBA reads the view';
    assert not has_table_privilege('parking_dba', 'parking.spots', 'select'), 'a DBA reads no table';
    assert not has_table_privilege('parking_service', 'parking.places', 'select'), 'the service reads no view';
end
$$;

rollback;
