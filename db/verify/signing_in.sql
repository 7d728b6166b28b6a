-- Verify parking:signing_in on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name, password_hash) overriding system value
    values (-1, -1, 'a@verify.example', 'A', extensions.crypt('secret', extensions.gen_salt('bf', 4)));

    assert (select outcome = 'signed-in' and person_id = -1 from parking.sign_in('a@verify.example', 'secret', 'verify'));
    assert (select outcome = 'wrong-credentials' and person_id is null from parking.sign_in('a@verify.example', 'wrong', 'verify'));
    assert (select outcome = 'wrong-credentials' from parking.sign_in('b@verify.example', 'secret', 'verify'));
    assert (select outcome = 'wrong-credentials' from parking.sign_in('a@verify.example', null, 'verify'));
    update parking.people set active = false where tenant_id = -1 and id = -1;
    assert (select outcome = 'wrong-credentials' from parking.sign_in('a@verify.example', 'secret', 'verify')),
        'an account that was closed must not sign in';
    assert has_function_privilege('parking_service', 'parking.sign_in(text, text, text)', 'execute');
end
$$;

rollback;
