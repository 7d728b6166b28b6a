-- Verify parking:own_sessions on pg

begin;

do $$
declare
    c_one   constant uuid := '00000000-0000-0000-0000-000000000001';
    c_two   constant uuid := '00000000-0000-0000-0000-000000000002';
    c_other constant uuid := '00000000-0000-0000-0000-000000000003';
    v_now   constant timestamptz := parking.clock();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.sessions (tenant_id, id, person_id, address, opened_at, renewed_at, expires_at)
    values (-1, c_one, -1, '192.0.2.1', v_now, v_now, v_now + interval '1 hour'),
           (-1, c_two, -1, null, v_now, v_now + interval '1 second', v_now + interval '1 hour'),
           (-1, c_other, -2, null, v_now, v_now, v_now + interval '1 hour');

    assert (select array_agg(m.id) = array[c_two, c_one] from parking.my_sessions(-1) m), 'one''s own, the latest first';
    assert not parking.end_session(-1, c_other), 'another person''s is left alone';
    assert parking.end_session(-1, c_two);
    assert not parking.end_session(-1, c_two), 'it ends once';
    assert (select array_agg(m.id) = array[c_one] and min(m.address) = '192.0.2.1' from parking.my_sessions(-1) m);
    assert (select count(*) = 1 from parking.my_sessions(-2));
    assert exists (select from parking.audit a where a.tenant_id = -1 and a.action = 'session.revoked');
    begin
        perform parking.my_sessions(null);
        assert false, 'nobody has none';
    exception when sqlstate 'PK401' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.my_sessions(bigint)', 'execute');
    assert has_function_privilege('parking_service', 'parking.end_session(bigint, uuid)', 'execute');
end
$$;

rollback;
