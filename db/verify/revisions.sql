-- Verify parking:revisions on pg

begin;

do $$
begin
    assert (select i.indisvalid and pg_get_expr(i.indpred, i.indrelid) like '%rescheduled%'
            from pg_index i
            where i.indexrelid = 'parking.events_of_moved_reservations'::regclass), 'only what was moved is in it';
    assert not exists (
        select
        from pg_inherits p
        where p.inhparent = 'parking.events'::regclass
          and not exists (
            select
            from pg_index i
            join pg_inherits x on x.inhrelid = i.indexrelid
            where i.indrelid = p.inhrelid and x.inhparent = 'parking.events_of_moved_reservations'::regclass
          )
    ), 'every month has it';
end
$$;

rollback;
