-- Verify parking:expiry on pg

begin;

do $$
declare
    v_now timestamptz := parking.clock();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);

    -- Not where something real is overdue: it would be released in the log and not in the end.
    if not exists (select from parking.reservations where status = 'active' and ends <= v_now) then
        assert (select count(*) from parking.release_stale()) = 0, 'nothing is overdue';
    end if;
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -1, -1, v_now - interval '2 hours', v_now - interval '1 hour', v_now - interval '2 hours');
    perform parking_private.enter_tenant(-1);
    assert (select count(*) = 1 from parking_private.release(-1, array[-1], v_now)), 'what is overdue is released';
    assert (select status = 'completed' and ended_at = v_now from parking.reservations where tenant_id = -1);
    assert (select array_agg(type) = '{released}' from parking.events where tenant_id = -1), 'every release has its event';
    insert into parking.reservations (tenant_id, lot_id, spot_id, id, person_id, starts, ends, booked_at) overriding system value
    values (-1, -1, -1, -2, -1, v_now - interval '2 hours', v_now - interval '1 hour', v_now - interval '2 hours'),
           (-1, -1, -1, -3, -1, v_now - interval '1 hour', v_now + interval '1 hour', v_now - interval '1 hour');
    perform parking_private.release_overdue(-1, -1, v_now);
    assert (select array_agg(status order by id desc) = '{completed,completed,active}' from parking.reservations where tenant_id = -1);

    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'operator');
    begin
        perform parking.expire_old(-1);
        assert false, 'a driver must not run the stale checker';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    update parking.reservations set ends = v_now where tenant_id = -1 and id = -3;
    assert (select count(*) = 1 from parking.expire_old(-2)), 'an operator may, in the own tenant';

    assert (select not prosecdef and proconfig is null from pg_proc where oid = 'parking.sweep(integer)'::regprocedure),
        'a sweep that is a definer or has a SET clause cannot commit';
    assert has_function_privilege('parking_service', 'parking.expire_old(bigint, integer)', 'execute');
    assert has_function_privilege('parking_dba', 'parking.release_stale(integer)', 'execute');
    assert not has_function_privilege('parking_service', 'parking.release_stale(integer)', 'execute');
    assert not has_function_privilege('parking_dba', 'parking_private.release(bigint, bigint[], timestamptz)', 'execute');
end
$$;

rollback;
