-- Verify parking:retention on pg

begin;

do $$
begin
    perform parking.tend_events();
    assert (select count(*) >= 4 from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'parking.events'::regclass and c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'),
        'this month and the next three have a partition';
    assert (select bool_and(c.relowner = 'parking_owner'::regrole and c.relacl is null) from pg_inherits i
            join pg_class c on c.oid = i.inhrelid where i.inhparent = 'parking.events'::regclass),
        'nobody reads a partition directly';
    perform parking.keep_events('24 months', 'drop');
    begin
        perform parking.keep_events('1 day');
        assert false, 'a retention of less than a month must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_dba', 'parking.tend_events()', 'execute');
    assert not has_function_privilege('parking_service', 'parking.tend_events()', 'execute');
end
$$;

rollback;
