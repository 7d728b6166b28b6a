-- Verify parking:payments on pg

begin;

do $$
declare
    v_eight constant timestamptz := '2030-01-01 08:00+00';
    v_table text;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (-1, -1, 140, 14400);
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by) values (-1, -1, -1, 'BAB123', 'Car', v_eight, -1);
    insert into parking.ticket_lines (tenant_id, ticket_id, position, kind, line, quantity, unit_cents, amount_cents)
    values (-1, -1, 1, 'started', '2 started hours', 2, 1000, 2000);
    begin
        insert into parking.ticket_lines (tenant_id, ticket_id, position, kind, line, quantity, unit_cents, amount_cents)
        values (-1, -1, 2, 'started', '2 started hours', 2, 1000, 2001);
        assert false, 'a line that does not multiply must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.ticket_lines (tenant_id, ticket_id, position, kind, line, quantity, unit_cents, amount_cents)
        values (-1, -1, 2, 'refund', 'Refund', 1, -1, -1);
        assert false, 'a refund that nobody explains must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    insert into parking.payments (tenant_id, lot_id, ticket_id, position, kind, method, amount_cents, currency, at, actor_id)
    values (-1, -1, -1, 1, 'payment', 'Cash', 2000, 'EUR', v_eight, -1);
    begin
        insert into parking.payments (tenant_id, lot_id, ticket_id, position, kind, method, amount_cents, currency, at, actor_id)
        values (-1, -1, -1, 2, 'payment', 'Cash', 2000, 'EUR', v_eight, -1);
        assert false, 'a second payment for a stay must be refused';
    exception when unique_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.payments (tenant_id, lot_id, ticket_id, position, kind, method, amount_cents, currency, at, actor_id)
        values (-1, -1, -1, 2, 'refund', 'Cash', -2000, 'EUR', v_eight, -1);
        assert false, 'a refund without a reason must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert (select count(*) = 1 and min(actor) = 'a@verify.example' from parking.ledger where lot_id = -1);
    assert has_table_privilege('parking_dba', 'parking.ledger', 'select'), 'a DBA reads the view';
    foreach v_table in array '{parking.payments,parking.ticket_lines}'::text[] loop
        assert not has_table_privilege('parking_owner', v_table, 'update')
            and not has_table_privilege('parking_owner', v_table, 'delete')
            and not has_table_privilege('parking_owner', v_table, 'truncate'), 'nobody rewrites the ledger';
        assert has_table_privilege('parking_owner', v_table, 'insert');
        assert not has_table_privilege('parking_dba', v_table, 'select'), 'a DBA reads no table';
    end loop;
    assert (row('PS-0001', 'payment', 'Cash', 1000, 'EUR', v_eight, null, 'UTC')::parking.ledger_entry).amount_cents = 1000;
end
$$;

rollback;
