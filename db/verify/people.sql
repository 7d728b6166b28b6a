-- Verify parking:people on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    begin
        insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -2, 'A@verify.example', 'A');
        assert false, 'an e-mail with capitals must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -2, 'a@verify.example', 'B');
        assert false, 'a second account for one e-mail must be refused';
    exception when unique_violation then
        null;  -- as it should be
    end;
    assert not has_table_privilege('parking_service', 'parking.people', 'select'), 'the service reads no table';
    assert not has_table_privilege('parking_dba', 'parking.people', 'select'), 'a DBA reads no password';
end
$$;

rollback;
