-- Verify parking:demo on pg

begin;

do $$
declare
    v_table  text;
    v_before bigint;
begin
    if not exists (select from parking.tenants where slug = 'default') then
        -- A restarted sequence goes back to where it was with the transaction, so that the demo's spots will be 1 to 5.
        for v_table in select unnest(array['tenants', 'lots', 'floors', 'rows', 'spots', 'people', 'tariffs']) loop
            execute format('alter sequence %s restart', pg_get_serial_sequence('parking.' || v_table, 'id'));
        end loop;
        assert (select array_agg(tenant || ' ' || spots) = '{default 5,default 1500,default 10,riverside 20}' from parking.seed_demo()),
            'the demo has two tenants and four lots';
        assert (select array_agg(name order by id) = '{Demo Garage,Central Garage,Ostbahnhof}' and array_agg(id order by id) = '{1,2,4}'
                from parking.list_lots()), 'the garage is the last lot';
        assert (select (g.spaces, g.hourly_rate_cents) = (140, 1000) from parking.find_garage(4) g);
        assert (select array_agg(id order by id) = '{1,2,3,4,5,10}' and array_agg(roles[1] order by id) = '{driver,driver,operator,admin,platform,attendant}'
                from parking.members where tenant = 'default'), 'one of each role';
        assert (select outcome = 'signed-in' from parking.sign_in('driver1@parking.com', 'password123'));
    end if;
    -- Where there is a demo, or a real tenant of that name, a call changes nothing.
    select count(*) into v_before from parking.people;
    perform parking.seed_demo();
    assert (select count(*) from parking.people) = v_before, 'a second call changes nothing';
    assert has_function_privilege('parking_dba', 'parking.seed_demo()', 'execute');
    assert not has_function_privilege('parking_service', 'parking.seed_demo()', 'execute'),
        'the service must not make accounts whose password everybody knows';
end
$$;

rollback;
