-- Verify parking:tenants on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    begin
        update parking.tenants set longest_booking = '8 days' where slug = 'verify';
        assert false, 'a booking of eight days must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert not has_table_privilege('parking_service', 'parking.tenants', 'select'), 'the service reads no table';
    assert not has_table_privilege('parking_dba', 'parking.tenants', 'select'), 'a DBA reads views';
end
$$;

rollback;
