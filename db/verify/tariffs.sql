-- Verify parking:tariffs on pg

begin;

do $$
declare
    v_january constant timestamptz := '2030-01-01 00:00+00';
    v_march   constant timestamptz := '2030-03-01 00:00+00';
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.tariffs (tenant_id, lot_id, id, name, currency, times, vehicle, valid_from) overriding system value
    values (-1, -1, -1, 'Day', 'EUR', 'Mo 08:00-20:00', 'car', v_january);
    insert into parking.tariff_times (tenant_id, tariff_id, weekday, opens, closes) values (-1, -1, 1, '08:00', '20:00');
    insert into parking.tariff_tiers (tenant_id, tariff_id, from_minutes, increment_minutes, price_cents) values (-1, -1, 0, 60, 1000);
    assert (select narrowness = 2 from parking.tariffs where id = -1), 'it names a vehicle and times';
    begin
        insert into parking.tariffs (tenant_id, lot_id, id, name, currency, valid_from) overriding system value
        values (-1, -1, -2, 'day', 'EUR', v_march);
        assert false, 'a second version that is valid at the same time must be refused';
    exception when exclusion_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.tariffs (tenant_id, lot_id, id, name, currency, valid_from) overriding system value
        values (-1, -1, -2, 'Night', 'USD', v_march);
        assert false, 'a second currency must be refused';
    exception when exclusion_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.tariff_tiers (tenant_id, tariff_id, from_minutes, increment_minutes, price_cents) values (-1, -1, 60, 60, -1);
        assert false, 'a price below nothing must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    insert into parking.concessions (tenant_id, id, kind, lot_id, plate, percent, valid_from) overriding system value
    values (-1, -1, 'season-pass', -1, 'BAB123', 100, v_january);
    begin
        insert into parking.concessions (tenant_id, id, kind, person_id, plate, percent, valid_from) overriding system value
        values (-1, -2, 'discount', -1, 'BAB123', 20, v_january);
        assert false, 'a concession for a person and a plate must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert (row(1, 'One started hour', 1, 1000, 1000, 'EUR', -1, 'started', 'Standard', null, 60, null)::parking.quote_line).amount_cents = 1000;
    assert not has_table_privilege('parking_service', 'parking.tariffs', 'select'), 'the service reads no table';
end
$$;

rollback;
