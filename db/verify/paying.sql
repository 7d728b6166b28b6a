-- Verify parking:paying on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
    v_one parking.ticket;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'attendant'), (-1, -2, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone, walk_ins) overriding system value values (-1, -1, 'One', 'UTC', true);
    insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (-1, -1, 140, 14400);
    insert into parking.tariffs (tenant_id, lot_id, id, name, currency, valid_from) overriding system value
    values (-1, -1, -1, 'Standard', 'EUR', '2000-01-01 00:00+00');
    insert into parking.tariff_tiers (tenant_id, tariff_id, from_minutes, increment_minutes, price_cents) values (-1, -1, 0, 60, 1000);
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by)
    values (-1, -1, 1, 'A1', 'Car', v_now - interval '61 minutes', -1), (-1, -1, 2, 'A2', 'Car', v_now - interval '1 minute', -1),
           (-1, -1, 3, 'A3', 'Car', v_now - interval '1 minute', -1);

    assert (select sum(amount_cents) = 2000 and min(kind) = 'started' from parking.amount_due(-1, 'PS-0001'));
    assert parking.has_price(-1, 'PS-0001');
    begin
        perform parking.leave_garage(-1, 'PS-0001', 'Cash', -2);
        assert false, 'at the desk of another garage it does not exist';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    v_one := parking.leave_garage(-1, 'PS-0001', 'credit card');
    assert v_one.status = 'paid' and v_one.amount_cents = 2000 and v_one.minutes = 62 and v_one.method = 'Credit Card' and v_one.time_zone = 'UTC';
    begin
        perform parking.leave_garage(-1, 'PS-0001', 'Cash');
        assert false, 'a second exit must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.leave_garage(-1, 'PS-0002', 'Shells');
        assert false, 'an unknown method must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert (parking.lose_ticket(-1, 'PS-0002', 'Cash', 'Lost')).status = 'lost';
    assert (parking.void_ticket(-1, 'PS-0003', 'Turned around')).amount_cents = 0;
    begin
        perform parking.refund_ticket(-1, 'PS-0001', 500, 'Friend');
        assert false, 'an attendant must not give money back';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    begin
        perform parking.refund_ticket(-2, 'PS-0001', 2001, 'Too much');
        assert false, 'more than was paid must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert (parking.refund_ticket(-2, 'PS-0001', 500, 'The lift')).amount_cents = -500;
    assert (parking.correct_ticket(-2, 'PS-0001', 100, 'Typing error')).amount_cents = 100;
    assert (select amount_cents = 1600 from parking.find_ticket(-1, 'PS-0001'));
    -- A stay over midnight has a line of each day.
    assert (select sum(amount_cents) = 1600 and sum(amount_cents) filter (where reason is null) = 2000
            and array_agg(reason) filter (where reason is not null) = '{The lift,Typing error}'
        from parking.amount_due(-1, 'PS-0001')), 'the lines explain it';
    assert (select tickets = 3 and amount_cents = 2600 and line_cents = 2600 and payment_cents = 2600 and out_of_balance = '{}'
        from parking.ledger_balance(-2, -1));
    update parking.tickets set amount_cents = amount_cents + 1 where tenant_id = -1 and id = 1;
    assert (select out_of_balance = '{PS-0001}' from parking.ledger_balance(-2, -1)), 'a cent too many is found';
    assert (select array_agg(action order by id) = '{ticket.voided,ticket.refunded,ticket.corrected}' from parking.audit where tenant_id = -1);
    assert (select count(*) = 5 from parking.list_payment_methods(-1));
    assert has_function_privilege('parking_service', 'parking.leave_garage(bigint, text, text, bigint)', 'execute');
end
$$;

rollback;
