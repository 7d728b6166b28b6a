-- Verify parking:event_times on pg

begin;

do $$
begin
    assert (select m.amname = 'brin' and i.indisvalid
            from pg_index i
            join pg_class c on c.oid = i.indexrelid
            join pg_am m on m.oid = c.relam
            where c.oid = 'parking.events_by_time'::regclass), 'a day is found without a tree';
    assert not exists (
        select
        from pg_inherits p
        where p.inhparent = 'parking.events'::regclass
          and not exists (
            select
            from pg_index i
            join pg_inherits x on x.inhrelid = i.indexrelid
            where i.indrelid = p.inhrelid and x.inhparent = 'parking.events_by_time'::regclass
          )
    ), 'every month has it';
end
$$;

rollback;
