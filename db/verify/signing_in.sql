-- Verify parking:signing_in on pg

begin;

-- The demo's people are numbered from 1. Unlike what is taken from a sequence, a restart is rolled back.
alter sequence parking.people_id_seq restart with 1000000000;

do $$
declare
    v_account parking.admission;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name, password_hash) overriding system value
    values (-1, -1, 'a@verify.example', 'A', extensions.crypt('secret', extensions.gen_salt('bf', 4)));
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver');

    v_account := parking.sign_in('a@verify.example', 'secret', 'verify', '192.0.2.1', 'verify');
    assert v_account.outcome = 'signed-in' and v_account.person_id = -1 and v_account.tenant = 'verify';
    assert (select roles = '{driver}' and sessions = 1 from parking.my_account(-1));
    assert (select outcome = 'wrong-credentials' and person_id is null from parking.sign_in('a@verify.example', 'wrong', 'verify'));
    assert (select outcome = 'wrong-credentials' from parking.sign_in('b@verify.example', 'secret', 'verify'));
    assert (select outcome = 'wrong-credentials' from parking.sign_in('a@verify.example', null, 'verify'));
    assert (select count(*) = 3 from parking.audit where tenant_id = -1 and action = 'session.refused');

    assert (select outcome = 'wrong-password' from parking.change_password(-1, 'wrong', 'new secret'));
    assert (select outcome = 'changed' from parking.change_password(-1, 'secret', 'new secret', keep => v_account.session_id));
    assert (select outcome = 'signed-in' from parking.sign_in('a@verify.example', 'new secret', 'verify'));
    assert parking.sign_out_everywhere(-1) = 2, 'the one that was kept and the new one';
    update parking.people set active = false where tenant_id = -1 and id = -1;
    assert (select outcome = 'wrong-credentials' from parking.sign_in('a@verify.example', 'new secret', 'verify')),
        'an account that was closed must not sign in';

    begin
        perform parking.register('B@verify.example', 'new secret', 'B', 'verify');
        assert false, 'a new tenant is closed';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    update parking.tenants set registration = 'open' where id = -1;
    assert (select outcome = 'registered' from parking.register('B@verify.example', 'new secret', 'B', 'verify'));
    assert (select outcome = 'signed-in' and roles = '{driver}' from parking.sign_in('b@verify.example', 'new secret', 'verify'));
    assert (select outcome = 'registered' from parking.register('b@verify.example', 'other secret', 'C', 'verify'));
    assert (select outcome = 'wrong-credentials' from parking.sign_in('b@verify.example', 'other secret', 'verify')),
        'nobody registers into another one''s account';
    assert has_function_privilege('parking_service', 'parking.sign_in(text, text, text, inet, text)', 'execute');
end
$$;

rollback;
