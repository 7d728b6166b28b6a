-- Verify parking:announcing on pg

begin;

do $$
declare
    v_before pg_snapshot := pg_current_snapshot();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    perform parking_private.announce(-1, 'booked', -1, 1, 1, 1,
        '2030-01-01 08:00+00', '2030-01-01 12:00+00', '2029-12-31 12:00+00');
    assert (select count(*) = 1 from parking.events_after(v_before) where lot_id = -1), 'an event comes after an earlier snapshot';
    assert (select count(*) = 1 from parking.events_after() where lot_id = -1), 'an event is in the whole record';
    assert exists (select from pg_locks where locktype = 'advisory' and classid = 727564 and pid = pg_backend_pid() and granted),
        'the writer rang, or another one did';
    assert has_function_privilege('parking_service', 'parking.events_after(pg_snapshot)', 'execute');
    assert not has_function_privilege('parking_service',
        'parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz)', 'execute');
end
$$;

rollback;
