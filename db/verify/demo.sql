-- Verify parking:demo on pg

begin;

do $$
begin
    -- Where there is a demo, or a real tenant of that name, a call changes nothing.
    if not exists (select from parking.tenants where slug = 'default') then
        insert into parking.tenants (id, slug, name) overriding system value values (-1, 'default', 'Verify');
        assert (select count(*) = 0 from parking.seed_demo()), 'an existing tenant gets no drivers';
    else
        perform parking.seed_demo();
    end if;
    assert has_function_privilege('parking_dba', 'parking.seed_demo()', 'execute');
    assert not has_function_privilege('parking_service', 'parking.seed_demo()', 'execute'),
        'the service must not make accounts whose password everybody knows';
end
$$;

rollback;
