-- Verify parking:arranging_spots on pg

begin;

do $$
declare
    v_table text;
    v_row  bigint;
    v_spot bigint;
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

    v_row := (parking.add_row(-1, (parking.add_floor(-1, -1, 'Ground')).id, 'B', spots => 3)).id;
    v_spot := (parking.add_spot(-1, v_row, 'Extra', 'compact', 400, 200, place => 1)).id;
    assert (select position = 1 and type = 'compact' and length_cm = 400 from parking.find_spot(v_spot));
    assert (select position = 4 and type = 'ev' and width_cm = 200 from parking.change_spot(-1, v_spot, spot_type => 'ev', place => 9));
    assert (select length_cm is null and width_cm = 200 from parking.change_spot(-1, v_spot, length_cm => 0)), 'a size can be taken away';
    begin
        perform parking.retire_spot(-2, v_spot);
        assert false, 'a driver must not retire a spot';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert parking.retire_spot(-1, v_spot) = 1;
    begin
        perform parking.find_spot(v_spot);
        assert false, 'what is retired is not found';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert (select array_agg(action order by id) = '{floor.added,row.added,spot.added,spot.changed,spot.changed,spot.retired}'
            from parking.audit where tenant_id = -1);
    assert has_function_privilege('parking_dba', 'parking.add_spot(bigint, bigint, text, text, integer, integer, integer)', 'execute');
end
$$;

rollback;
