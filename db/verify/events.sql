-- Verify parking:events on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.events (tenant_id, id, epoch, type, lot_id, spot_id, reservation_id, starts, ends, at) overriding system value
    values (-1, -1, 1, 'released', 1, 1, 1, '2030-01-01 08:00+00', '2030-01-01 12:00+00', '2030-01-01 12:00+00');
    assert (select xid = pg_current_xact_id() from parking.events where tenant_id = -1),
        'an event knows its transaction';
    begin
        insert into parking.events (tenant_id, id, epoch, type, lot_id, spot_id, reservation_id, starts, ends, at) overriding system value
        values (-1, -2, 1, 'rescheduled', 1, 1, 1, '2030-01-01 08:00+00', '2030-01-01 12:00+00', '2030-01-01 12:00+00');
        assert false, 'what was rescheduled without its former period must be refused';
    exception when check_violation then
        null;  -- as it should be
    end;
    assert to_regclass('parking.events_by_transaction') is not null, 'readers have their index';
    assert (select count(*) = 1 and min(epoch) >= 1 from parking_private.event_log), 'the record is described by one row';
    assert has_table_privilege('parking_dba', 'parking.history', 'select'), 'a DBA reads the view';
    assert not has_table_privilege('parking_service', 'parking.history', 'select'), 'the service must not read who did it';
    assert not has_table_privilege('parking_service', 'parking.events', 'select'), 'the service reads no table';
    assert not has_table_privilege('parking_dba', 'parking.events', 'insert'), 'nobody writes events by hand';
end
$$;

rollback;
