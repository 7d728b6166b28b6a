-- Verify parking:opening on pg

begin;

do $$
declare
    v_lot parking.lots;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    perform parking_private.enter_tenant(-1);
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'Europe/Berlin') returning * into v_lot;
    assert parking_private.write_week(v_lot) = '24/7';
    perform parking_private.set_week(v_lot, 'Sa-Mo 22:00-06:00; We 08:00-12:00, 14:00-24:00');
    assert parking_private.write_week(v_lot) = 'Mo 22:00-06:00; We 08:00-12:00,14:00-24:00; Sa-Su 22:00-06:00';
    begin
        perform parking_private.set_week(v_lot, 'always');
        assert false, 'what are no hours must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    perform parking_private.set_slots(v_lot, '{22:00-06:00,06:00-22:00}');
    assert (select array_agg(parking_private.write_hours(t.starts, t.ends) order by t.starts) = '{06:00-22:00,22:00-06:00}'
            from parking.time_slots t where t.tenant_id = -1);
    begin
        perform parking_private.set_slots(v_lot, '{01:30-02:30,03:00-04:00}');
        assert false, 'slots that overlap on the day on which the clock is put forward must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert not has_function_privilege('parking_service', 'parking_private.set_week(parking.lots, text)', 'execute');
end
$$;

rollback;
