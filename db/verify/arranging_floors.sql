-- Verify parking:arranging_floors on pg

begin;

do $$
declare
    v_table text;
    v_floor bigint;
begin
    -- A restarted sequence goes back to where it was with the transaction, so that nothing here uses up a number.
    for v_table in select unnest(array['lots', 'floors', 'rows', 'spots']) loop
        execute format('alter sequence %s restart with 9000000000000000', pg_get_serial_sequence('parking.' || v_table, 'id'));
    end loop;
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'operator@verify.example', 'O'), (-1, -2, 'driver@verify.example', 'D');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'operator'), (-1, -2, 'driver');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');

    v_floor := (parking.add_floor(-1, -1, 'Ground', rows => 1, spots => 2)).id;
    assert (select name = 'Ground' and rows = 1 and spots = 2 from parking.find_floor(v_floor));
    assert (select name = 'Level 0' from parking.change_floor(-1, v_floor, 'Level 0'));
    begin
        perform parking.retire_floor(-2, v_floor);
        assert false, 'a driver must not retire a floor';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert parking.retire_floor(-1, v_floor) = 2;
    begin
        perform parking.find_floor(v_floor);
        assert false, 'what is retired is not found';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert (select array_agg(action order by id) = '{floor.added,floor.changed,floor.retired}' from parking.audit where tenant_id = -1);
    assert has_function_privilege('parking_service', 'parking.retire_floor(bigint, bigint)', 'execute');
end
$$;

rollback;
