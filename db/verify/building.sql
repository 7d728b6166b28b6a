-- Verify parking:building on pg

begin;

do $$
declare
    v_table text;
    v_lot bigint;
begin
    -- A restarted sequence goes back to where it was with the transaction, so that nothing here uses up a number.
    for v_table in select unnest(array['lots', 'floors', 'rows', 'spots']) loop
        execute format('alter sequence %s restart with 9000000000000000', pg_get_serial_sequence('parking.' || v_table, 'id'));
    end loop;
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'operator@verify.example', 'O');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'operator');

    v_lot := (parking.build_lot(-1, 'One', 'Europe/Berlin', floors => 2, rows => 2, spots => 5, public => false, opening_hours => 'Mo-We,Sa 08:00-20:00')).id;
    assert (select floors = 2 and spots = 20 and opening_hours = 'Mo-We 08:00-20:00; Sa 08:00-20:00' from parking.list_lots('verify', -1));
    assert (select count(*) = 0 from parking.list_lots('verify')), 'a lot that is not public is not for everybody';
    assert jsonb_array_length(parking.describe_lot(v_lot, -1) #> '{floors,1,rows,1,spots}') = 5;
    assert (select array_agg(s) = '{08:00-12:00,12:00-16:00,16:00-20:00}' from parking.list_slots(v_lot, -1) s);
    assert (select array_agg(s) = '{22:00-06:00}' from parking.set_slots(-1, v_lot, '{22:00-06:00}') s);
    assert (select opening_hours = '24/7' and name = 'Two' and time_zone = 'Europe/Berlin' from parking.change_lot(-1, v_lot, 'Two', opening_hours => '24/7'));
    assert parking.retire_lot(-1, v_lot) = 20;
    begin
        perform parking.describe_lot(v_lot, -1);
        assert false, 'what is retired is not found';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.set_slots(bigint, bigint, text[])', 'execute');
    assert not has_function_privilege('parking_service', 'parking_private.set_slots(parking.lots, text[])', 'execute');
end
$$;

rollback;
