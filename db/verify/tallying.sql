-- Verify parking:tallying on pg

begin;

do $$
declare
    v_now timestamptz := parking.clock();
begin
    assert parking_private.last_reservation() >= 0;

    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -9, -1, v_now, v_now + interval '1 hour', v_now),
           (-1, -1, -1, -8, -1, v_now + interval '1 hour', v_now + interval '2 hours', v_now);
    update parking_private.lot_tally_mark set counted = -10;
    perform parking_private.enter_tenant(-1);
    assert parking_private.count_reservations(-1, -1) = 2, 'what is not counted yet counts as well';
    assert parking_private.count_lots(-10, -9) = 1, 'one lot has had one';
    update parking_private.lot_tally_mark set counted = -9;
    perform parking_private.enter_tenant(-1);
    assert (select reservations = 1 from parking.lot_tallies where tenant_id = -1 and lot_id = -1);
    assert parking_private.count_reservations(-1, -1) = 2, 'and nothing twice';
    assert parking.tally_reservations() = 0 and (select counted = -9 from parking_private.lot_tally_mark),
        'not in a transaction that has written';

    assert has_function_privilege('parking_dba', 'parking.tally_reservations()', 'execute');
    assert not has_function_privilege('parking_service', 'parking.tally_reservations()', 'execute');
    assert not has_function_privilege('parking_dba', 'parking_private.count_reservations(bigint, bigint)', 'execute');
end
$$;

rollback;
