-- Verify parking:pricing on pg

begin;

do $$
declare
    v_eight constant timestamptz := '2030-01-01 08:00+00';
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'Europe/Berlin');
    begin
        perform parking.quote(-1, v_eight, v_eight + interval '1 hour');
        assert false, 'without a tariff there is no price';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    insert into parking.tariffs (tenant_id, lot_id, id, name, currency, cap_day_cents, valid_from) overriding system value
    values (-1, -1, -1, 'Day', 'EUR', 2500, '2029-01-01 00:00+00');
    insert into parking.tariff_tiers (tenant_id, tariff_id, from_minutes, increment_minutes, price_cents) values (-1, -1, 0, 60, 1000);
    assert (select array_agg(q.amount_cents order by q.position) = '{2000}' from parking.quote(-1, v_eight, v_eight + interval '61 minutes') q);
    assert (select sum(q.amount_cents) = 2500 and count(*) = 2 from parking.quote(-1, v_eight, v_eight + interval '4 hours') q);
    assert (select parking_private.quote_total(l, v_eight, v_eight + interval '1 hour') = 1000 from parking.lots l where l.id = -1);
    assert (select l.id is not null and not exists (select from parking.slot_prices(-1, '2030-01-01')) from parking.lots l where l.id = -1);
    insert into parking.time_slots (tenant_id, lot_id, starts, ends) values (-1, -1, '08:00', '10:00');
    update parking.lots set priced = true, public = true where id = -1;
    assert (select array_agg(s.most_cents) = '{2000}' from parking.slot_prices(-1, '2030-01-01') s);
    assert parking_private.passed_for_good('2030-10-27 02:30', 'Europe/Berlin') = '2030-10-27 01:30+00', 'the second half past two';
    assert parking_private.passed_for_good('2030-03-31 02:30', 'Europe/Berlin') = '2030-03-31 01:00+00', 'there is no half past two';
    assert has_function_privilege('parking_service',
        'parking.quote(bigint, timestamptz, timestamptz, text, text, bigint, bigint, text)', 'execute');
end
$$;

rollback;
