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
    assert (select count(*) = 1 from parking_private.readable_tenants('parking_dba') r(id) where r.id = -1), 'a DBA sees every tenant';
    assert (select count(*) = 0 from parking_private.readable_tenants('parking_service')), 'the service sees none in the views';
    insert into parking_private.reporters (role_name, tenant_id) values ('parking_service', -1);
    assert (select array_agg(r.id) = '{-1}' from parking_private.readable_tenants('parking_service') r(id)), 'a reporter sees one';
    assert not has_table_privilege('parking_service', 'parking.tenants', 'select'), 'the service reads no table';
    assert not has_table_privilege('parking_dba', 'parking.tenants', 'select'), 'a DBA reads views';
end
$$;

rollback;
