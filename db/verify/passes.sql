-- Verify parking:passes on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_now, v_now + interval '1 hour', v_now),
           (-1, -1, -1, -2, -1, v_now + interval '1 hour', v_now + interval '2 hours', v_now);
    insert into parking.passes (tenant_id, reservation_id, code, issued_at) values (-1, -1, 'AAAAAAAAAAAAAAAAAAAAAA', v_now);
    begin
        insert into parking.passes (tenant_id, reservation_id, code, issued_at) values (-1, -2, 'AAAAAAAAAAAAAAAAAAAAAA', v_now);
        assert false, 'one code for two reservations must be refused';
    exception when unique_violation then
        null;  -- as it should be
    end;
    begin
        insert into parking.passes (tenant_id, reservation_id, code, issued_at) values (-1, -2, 'guess me', v_now);
        assert false, 'what can be guessed must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert to_regclass('parking.passes_by_code') is not null and to_regtype('parking.pass_check') is not null;
    assert not has_table_privilege('parking_dba', 'parking.passes', 'select'), 'nobody reads the codes';
    assert not has_table_privilege('parking_service', 'parking.passes', 'select');
end
$$;

rollback;
