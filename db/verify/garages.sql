-- Verify parking:garages on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify'), (-2, 'other', 'Other');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (-1, -1, 140, 14400);
    begin
        insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (-2, -1, 140, 14400);
        assert false, 'a garage in another tenant''s lot must be refused';
    exception when foreign_key_violation then
        null;  -- as it should be
    end;
    begin
        update parking.garages set spaces = 0 where tenant_id = -1;
        assert false, 'a garage without spaces must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    insert into parking.ticket_counters (tenant_id, issued) values (-1, 1), (-2, 1);
    assert (row(-1, 'One', 140, '4 hours', 1000, 'EUR', 'UTC')::parking.garage).spaces = 140;
    assert not has_table_privilege('parking_service', 'parking.garages', 'select'), 'the service reads no table';
end
$$;

rollback;
