-- Verify parking:availability on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'Europe/Berlin');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.time_slots (tenant_id, lot_id, starts, ends) values (-1, -1, '08:00', '12:00'), (-1, -1, '22:30', '06:00');
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, '2150-01-02 01:00+01', '2150-01-02 02:00+01', parking.clock());

    assert (select id = -1 and time_zone = 'Europe/Berlin' from parking.find_lot(tenant => 'verify'));
    assert (select array_agg(slot || ' ' || status order by starts) = '{08–12 available,22:30–06 booked}'
            from parking.board(-1, '2150-01-01')), 'a night''s slot is booked by a reservation of the next day';
    assert (select reservation_id is not null from parking.board(-1, '2150-01-01', -1) where status = 'booked'),
        'a driver is told of their own';
    assert (select reservation_id is null from parking.board(-1, '2150-01-01') where status = 'booked'),
        'a stranger is not';
    assert (select bool_and(status = 'past') from parking.board(-1, '2001-01-01')), 'what is over is past';
    assert (select status = 'available' and slots is null from parking.list_spots(-1));
    insert into parking.opening_hours (tenant_id, lot_id, weekday, opens, closes)
    select -1, -1, extract(isodow from n.yesterday), '00:00', '00:01'
    from (select (parking.clock() at time zone 'Europe/Berlin')::date - 1 as yesterday) n;
    assert (select status = 'closed' from parking.list_spots(-1));
    delete from parking.opening_hours where tenant_id = -1;
    assert (select slots -> 0 ->> 'start_time' = '2150-01-01T08:00:00+01:00' from parking.list_spots(-1, '2150-01-01'));
    assert (select count(*) = 0 from parking.free_spots('2150-01-02 00:00+01', '2150-01-02 01:30+01', -1));
    assert (select count(*) = 1 from parking.free_spots('2150-01-02 02:00+01', '2150-01-02 03:00+01', -1));
    assert (select count(*) = 0 from parking.free_spots('2150-01-02 02:00+01', '2150-01-02 03:00+01', -1, 'ev'));
    begin
        perform parking.board(-2);
        assert false, 'an unknown lot must be refused';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.board(bigint, date, bigint)', 'execute');
    assert has_function_privilege('parking_dba', 'parking.free_spots(timestamptz, timestamptz, bigint, text, bigint)', 'execute');
    assert not has_function_privilege('parking_service', 'parking_private.cells(parking.lots, date, timestamptz, bigint[])', 'execute');
end
$$;

rollback;
