-- Verify parking:tickets on pg

begin;

do $$
declare
    v_eight constant timestamptz := '2030-01-01 08:00+00';
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (-1, -1, 140, 14400);
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by)
    values (-1, -1, 7, 'BAB123', 'Car', v_eight, -1), (-1, -1, 12345, 'BAB124', 'Car', v_eight, -1);
    assert (select array_agg(ticket_number order by id) = '{PS-0007,PS-12345}' from parking.tickets where tenant_id = -1);
    begin
        insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by) values (-1, -1, 8, 'BAB123', 'Car', v_eight, -1);
        assert false, 'a second open ticket of a plate must be refused';
    exception when unique_violation then
        null;  -- as it should be
    end;
    begin
        update parking.tickets set status = 'paid' where tenant_id = -1;
        assert false, 'a paid ticket without its amount must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        update parking.tickets set status = 'void', left_at = v_eight, left_by = -1, amount_cents = 0 where tenant_id = -1;
        assert false, 'a void ticket without a reason must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    update parking.tickets set status = 'paid', left_at = v_eight, left_by = -1, amount_cents = 1000, currency = 'EUR', method = 'Cash'
    where tenant_id = -1 and id = 7;
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by) values (-1, -1, 8, 'BAB123', 'Car', v_eight, -1);
    assert (row(1, 'PS-0001', 1, 'BAB123', 'Car', v_eight, null, 'open', null, null, null, null, 'UTC')::parking.ticket).plate = 'BAB123';
    assert to_regclass('parking.tickets_by_exit') is not null and to_regclass('parking.tickets_by_entry') is not null;
    assert (select count(*) = 3 and min(entered_by) = 'a@verify.example' from parking.garage_tickets where lot_id = -1);
    assert has_table_privilege('parking_dba', 'parking.garage_tickets', 'select'), 'a DBA reads the view';
    assert not has_table_privilege('parking_service', 'parking.tickets', 'select'), 'the service reads no table';
end
$$;

rollback;
