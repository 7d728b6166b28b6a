-- Verify parking:session_life on pg

begin;

do $$
declare
    c_session constant uuid := '00000000-0000-0000-0000-000000000001';
    v_person  parking.people;
    v_session parking.sessions;
    v_first   parking.admission;
    v_second  parking.admission;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A')
    returning * into v_person;
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver');
    insert into parking.sessions (tenant_id, id, person_id, opened_at, renewed_at, expires_at)
    values (-1, c_session, -1, parking.clock(), parking.clock(), parking.clock() + interval '1 hour')
    returning * into v_session;
    perform parking_private.enter_tenant(-1);
    v_first := parking_private.admit('signed-in', v_person, v_session, parking.clock());
    assert v_first.roles = '{driver}' and v_first.permissions @> '{write:reservation}' and length(v_first.refresh_token) = 43;

    assert (select actor = -1 and tenant = 'verify' from parking.session(c_session, '192.0.2.1'));
    assert current_setting('parking.address') = '192.0.2.1';
    assert (select actor is null from parking.session(null));
    assert not exists (select from parking.ended_sessions(array[c_session]));
    assert parking.session_of(v_first.refresh_token) = c_session;

    v_second := parking.refresh(v_first.refresh_token);
    assert v_second.outcome = 'refreshed' and v_second.refresh_token <> v_first.refresh_token;
    assert (parking.refresh(v_first.refresh_token)).outcome = 'refreshed', 'a second tab is not locked out';
    update parking.refresh_tokens set issued_at = issued_at - interval '1 minute', superseded_at = superseded_at - interval '1 minute'
    where hash = parking_private.hash_token(v_first.refresh_token);
    assert (parking.refresh(v_first.refresh_token)).outcome = 'session-over', 'a former token is not good for long';
    assert (parking.refresh(v_second.refresh_token)).outcome = 'session-over', 'and it ends its session';
    assert (select revoked_because = 'token-reused' from parking.sessions where id = c_session);
    assert exists (select from parking.ended_sessions(array[c_session]));
    begin
        perform parking.session(c_session);
        assert false, 'a session that was revoked acts for nobody';
    exception when sqlstate 'PK401' then
        null;  -- as it should be
    end;
    assert not parking.sign_out(c_session);
    update parking.sessions set revoked_at = null, revoked_because = null where id = c_session;
    assert parking.sign_out(c_session);
    update parking.sessions set revoked_at = null, revoked_because = null where id = c_session;
    assert parking_private.end_sessions(v_person, 'verified', keep => c_session) = 0;
    assert parking_private.end_sessions(v_person, 'verified') = 1;
    perform parking.keep_sessions();
    assert (select refresh_tokens >= 3 and sessions >= 0 from parking.tidy_sessions());
    assert has_function_privilege('parking_service', 'parking.session(uuid, inet)', 'execute');
    assert not has_function_privilege('parking_service', 'parking.keep_sessions(interval, interval)', 'execute');
end
$$;

rollback;
