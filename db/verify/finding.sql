-- Verify parking:finding on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone, public) overriding system value
    values (-1, -1, 'Verified One', 'UTC', true), (-1, -2, 'Verified Two', 'UTC', false);
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, type, position) overriding system value
    select -1, -1, -1, -n, 'S' || n, case n when 1 then 'ev' else 'regular' end, n from generate_series(1, 250) n;
    insert into parking.time_slots (tenant_id, lot_id, starts, ends) values (-1, -1, '08:00', '12:00');
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, '2150-01-01 08:00+00', '2150-01-01 09:00+00', parking.clock());

    assert (select array_agg(id) = '{-1}' from parking.find_lots('verified', 'verify')), 'a stranger finds what is public';
    assert (select count(*) = 0 from parking.find_lots('nothing of the kind', 'verify'));
    assert (select shows = 'rows' from parking.find_view(-1)), '250 cells do not fit';
    assert (select shows = 'spots' from parking.find_view(-1, spot_type => 'ev')), 'one does';
    assert (select parts = 2 and row_name = 'A' and shows = 'spots' from parking.find_view(-1, spot_row => -1, part => 2));
    assert (select count(*) = 50 from parking.board_section(-1, '2150-01-01', spot_row => -1, part => 2));
    assert (select reservation_id = -1 from parking.board_section(-1, '2150-01-01', -1, spot_type => 'ev'));
    assert (select holder_ids = '{-1}' from parking.watch_section(-1, '2150-01-01', spot_type => 'ev'));
    assert (select array_agg(free || '/' || total order by part) = '{199/200,50/50}' from parking.overview(-1, '2150-01-01'));
    assert (select bool_and(free is null) from parking.overview(-1, '2001-01-01')), 'nothing is free any more of what is past';
    assert (select bool_and(changes_in is not null) from parking.watch_rows(-1, '2150-01-01'));
    begin
        perform parking.find_view(-2);
        assert false, 'a lot that is not public must be unknown to a stranger';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.find_lots(text, text, bigint, integer)', 'execute');
    assert has_function_privilege('parking_service', 'parking.watch_section(bigint, date, bigint, bigint, integer, text)', 'execute');
    assert not has_function_privilege('parking_service', 'parking_private.sections(parking.lots, bigint, bigint, integer, text)', 'execute');
end
$$;

rollback;
