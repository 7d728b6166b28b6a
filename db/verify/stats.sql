-- Verify parking:stats on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'Europe/Berlin');
    assert (select total_reservations = 0 and peak_hour is null and spots = 0 from parking.stats(-1));
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, '2150-01-02 13:00+01', '2150-01-02 14:30+01', parking.clock()),
           (-1, -1, -1, -2, -1, '2150-01-03 14:00+01', '2150-01-03 15:00+01', parking.clock());
    -- Numbers below zero are counted already, wherever anything is.
    update parking_private.lot_tally_mark set counted = -3;
    assert (select peak_hour = 14 and total_reservations = 2 and active_reservations = 2 and spots = 1 and available_now = 1
            from parking.stats(-1)), 'most cars stand there from two to three';
    assert has_function_privilege('parking_service', 'parking.stats(bigint, bigint)', 'execute');
    assert not has_function_privilege('public', 'parking.stats(bigint, bigint)', 'execute');
end
$$;

rollback;
