-- Verify parking:sessions on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify'), (-2, 'other', 'Other');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.sessions (tenant_id, id, person_id, opened_at, renewed_at, expires_at)
    values (-1, '00000000-0000-0000-0000-000000000001', -1, parking.clock(), parking.clock(), parking.clock() + interval '1 hour');
    begin
        insert into parking.sessions (tenant_id, person_id, opened_at, renewed_at, expires_at)
        values (-2, -1, parking.clock(), parking.clock(), parking.clock() + interval '1 hour');
        assert false, 'nobody is signed in to a tenant that is not theirs';
    exception when foreign_key_violation then
        null;  -- as it should be
    end;
    begin
        update parking.sessions set revoked_at = parking.clock() where tenant_id = -1;
        assert false, 'a session must not be revoked without a reason';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.refresh_tokens (tenant_id, hash, session_id, issued_at)
        values (-1, 'the token itself', '00000000-0000-0000-0000-000000000001', parking.clock());
        assert false, 'only a hash of a token may be stored';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert (select count(*) = 1 from parking_private.session_rules);
    assert (select count(*) = 6 from parking_private.limits);
    assert not has_table_privilege('parking_viewer', 'parking.refresh_tokens', 'select');
    assert not has_table_privilege('parking_service', 'parking.sessions', 'select'), 'the service reads no table';
end
$$;

rollback;
