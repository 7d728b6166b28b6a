-- Revert parking:events from pg

begin;

drop view parking.history;
drop table parking.events;
drop table parking_private.event_log;

-- Months that have left the record stand on their own.
do $$
declare
    v_month regclass;
begin
    for v_month in
        select c.oid from pg_class c
        where c.relnamespace = 'parking_private'::regnamespace and c.relkind = 'r' and c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'
    loop
        execute format('drop table %s', v_month);
    end loop;
end
$$;

commit;
