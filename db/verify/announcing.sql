-- Verify parking:announcing on pg

begin;

do $$
declare
    v_before text := parking.event_cursor();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');
    perform parking_private.announce(-1, 'booked', -1, 1, 1, 1, '2030-01-01 08:00+00', '2030-01-01 12:00+00', '2029-12-31 12:00+00');
    assert (select count(*) = 1 from parking.events where lot_id = -1), 'what happened is in the record';
    assert (select count(*) = 0 from parking.events_after(v_before, -1)), 'and has not happened before it is committed';
    -- Rolled back with this script, so nobody hears it.
    perform parking_private.announce_lot(-1);
    assert not has_function_privilege('parking_service', 'parking_private.announce_lot(bigint)', 'execute');
    begin
        perform parking.events_after('1~5:3:');
        assert false, 'what is no cursor must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    perform parking.begin_epoch();
    begin
        perform parking.events_after(v_before);
        assert false, 'a cursor of a former epoch must be refused';
    exception when sqlstate 'PK410' then
        null;  -- as it should be
    end;
    assert exists (select from pg_locks where locktype = 'advisory' and classid = 727564 and pid = pg_backend_pid() and granted),
        'the writer rang, or another one did';
    assert has_function_privilege('parking_service', 'parking.events_after(text, bigint, text, integer)', 'execute');
    assert not has_function_privilege('parking_service', 'parking.begin_epoch()', 'execute');
    assert not has_function_privilege('parking_service',
        'parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz)', 'execute');
end
$$;

rollback;
