-- Verify parking:reservations on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);

    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, '2030-01-01 08:00+00', '2030-01-01 12:00+00', '2029-12-31 12:00+00'),
           (-1, -1, -1, -2, -1, '2030-01-01 12:00+00', '2030-01-01 16:00+00', '2029-12-31 12:00+00');
    begin
        insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
        values (-1, -1, -1, -3, -1, '2030-01-01 11:59+00', '2030-01-01 12:01+00', '2029-12-31 12:00+00');
        assert false, 'an overlap must be refused';
    exception when exclusion_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
        values (-1, -1, -1, -3, -1, '2031-01-01 08:00+00', '2031-01-01 08:00+00', '2029-12-31 12:00+00');
        assert false, 'an empty period must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
        values (-1, -1, -1, -3, -1, '2031-01-01 08:00+00', 'infinity', '2029-12-31 12:00+00');
        assert false, 'an endless period must be refused';
    exception when check_violation or datetime_field_overflow then
        null;  -- as it should be
    end;
    begin
        update parking.reservations set status = 'completed' where tenant_id = -1;
        assert false, 'a completed reservation without its end must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        update parking.reservations set status = 'cancelled', ended_at = starts where tenant_id = -1;
        assert false, 'what has begun must not be cancelled';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        update parking.reservations set request_id = 'once', requested = during where tenant_id = -1;
        assert false, 'two reservations of one request must be refused';
    exception when unique_violation then
        null;  -- as it should be
    end;
    update parking.reservations set status = 'cancelled', ended_at = booked_at where tenant_id = -1 and id = -2;
    assert (select count(*) = 2 and min(driver) = 'a@verify.example' from parking.bookings where lot_id = -1);
    assert to_regclass('parking.reservations_live_by_lot') is not null and to_regclass('parking.reservations_ended_by_lot') is not null
        and to_regclass('parking.reservations_live_by_end') is not null and to_regclass('parking.reservations_live_by_person') is not null
        and to_regclass('parking.reservations_ended_by_person') is not null, 'boards, the stale checker and drivers have their indexes';
    assert to_regtype('parking.booking_result') is not null and to_regtype('parking.reservation_details') is not null
        and to_regtype('parking.alternative') is not null;
    assert has_table_privilege('parking_dba', 'parking.bookings', 'select'), 'a DBA reads the view';
    assert not has_table_privilege('parking_dba', 'parking.reservations', 'select'), 'a DBA reads no table';
    assert not has_table_privilege('parking_service', 'parking.bookings', 'select'), 'the service reads no view';
end
$$;

rollback;
