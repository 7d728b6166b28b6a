-- Deploy parking:retention to pg
-- requires: announcing
-- requires: finding_tenants

begin;

set local role parking_owner;

create function parking_private.make_event_partition(month date)
    returns boolean
    language plpgsql
    volatile
as $$
declare
    v_name   text := 'events_' || to_char(month, 'YYYY_MM');
    v_from   timestamptz := month::timestamp at time zone 'UTC';
    v_to     timestamptz := (month + interval '1 month') at time zone 'UTC';
    v_tenant bigint;
begin
    if to_regclass('parking_private.' || v_name) is not null then
        return false;
    end if;
    -- Made, secured and filled on its own and then attached: PARTITION OF would lock the record against every reader and
    -- writer, and would be open to whoever reads the partition by itself.
    execute format(
        'create table parking_private.%I (like parking.events including defaults including constraints including indexes)', v_name);
    perform parking_private.isolate(format('parking_private.%I', v_name)::regclass);
    for v_tenant in select t.id from parking_private.all_tenants() t(id) loop
        perform parking_private.enter_tenant(v_tenant);
        execute format($move$
            with moved as (
                delete from parking_private.events_default d where d.tenant_id = %L and d.at >= %L and d.at < %L
                returning d.tenant_id, d.id, d.epoch, d.xid, d.type, d.lot_id, d.spot_id, d.reservation_id, d.actor_id, d.starts, d.ends, d.at,
                    d.former_starts, d.former_ends
            )
            insert into parking_private.%I (tenant_id, id, epoch, xid, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at,
                former_starts, former_ends)
            select m.tenant_id, m.id, m.epoch, m.xid, m.type, m.lot_id, m.spot_id, m.reservation_id, m.actor_id, m.starts, m.ends, m.at,
                   m.former_starts, m.former_ends
            from moved m
            $move$, v_tenant, v_from, v_to, v_name);
    end loop;
    execute format(
        'alter table parking.events attach partition parking_private.%I for values from (%L) to (%L)', v_name, v_from, v_to);
    execute format('comment on table parking_private.%I is %L', v_name, 'The events of ' || to_char(month, 'FMMonth YYYY') || ', by UTC.');
    return true;
end
$$;

comment on function parking_private.make_event_partition(date) is
    'The partition for the month that begins on this day, with what the default one holds of it; false where it is there already.';


create function parking_private.forget_event_partition(partition regclass)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_tenant bigint;
    v_last   xid8;
    v_beyond text;
begin
    execute format('alter table parking.events detach partition %s', partition);
    for v_tenant in select t.id from parking_private.all_tenants() t(id) loop
        perform parking_private.enter_tenant(v_tenant);
        execute format(
            'select p.xid from %s p join parking_private.event_log l on l.epoch = p.epoch where p.tenant_id = %L order by p.xid desc limit 1',
            partition, v_tenant)
        into v_last;
        update parking_private.event_log l set forgotten = greatest(l.forgotten, coalesce(v_last, l.forgotten));
    end loop;
    select l.beyond into strict v_beyond from parking_private.event_log l;
    if v_beyond = 'drop' then
        execute format('drop table %s', partition);
    end if;
end
$$;

comment on function parking_private.forget_event_partition(regclass) is
    'Take a month out of the record, drop it if the settings say so, and remember up to where cursors are too old now.';


create function parking.tend_events()
    returns table (
        partition text,
        done      text
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    c_ahead constant integer := 3;
    v_month date := date_trunc('month', parking.clock() at time zone 'UTC');
    v_last  date;
    v_old   record;
begin
    -- Who waits for a lock on the record makes every booking wait behind it. The next day is soon enough.
    perform set_config('lock_timeout', '2s', true);

    for n in 0 .. c_ahead loop
        if parking_private.make_event_partition((v_month + make_interval(months => n))::date) then
            return query select 'events_' || to_char(v_month + make_interval(months => n), 'YYYY_MM'), 'made';
        end if;
    end loop;

    select date_trunc('month', (parking.clock() - l.retention) at time zone 'UTC') into strict v_last from parking_private.event_log l;
    for v_old in
        select i.inhrelid::regclass as name, c.relname::text as relname
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'parking.events'::regclass
          and c.relname ~ '^events_[0-9]{4}_[0-9]{2}$'
          and to_date(right(c.relname, 7), 'YYYY_MM') < v_last
        order by c.relname
    loop
        perform parking_private.forget_event_partition(v_old.name);
        return query select v_old.relname,
            case when to_regclass('parking_private.' || v_old.relname) is null then 'dropped' else 'detached' end;
    end loop;
end
$$;

comment on function parking.tend_events() is
$$Make the partitions of parking.events for this month and the next three, and take those beyond the retention out of it.

pg_cron calls it every day. Months are UTC's. What is taken out stays as a table in parking_private, unless
parking.keep_events() has said drop. It gives up after waiting two seconds for a lock.

Example:
    select * from parking.tend_events();
     partition | done
    -----------+------
    (0 rows)$$;

grant execute on function parking.tend_events() to parking_dba;


create function parking.keep_events(
    retention interval,
    beyond    text default 'detach'
)
    returns text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    if retention is null or retention < interval '1 month' or retention > interval '100 years'
        or beyond is null or beyond not in ('detach', 'drop')
    then
        perform parking_private.refuse('not-a-retention', format('Keeping events for %s and then %s cannot be done.',
            coalesce(retention::text, 'null'), coalesce(quote_literal(beyond), 'null')));
    end if;
    update parking_private.event_log set retention = keep_events.retention, beyond = keep_events.beyond;
    return format('Events stay for %s, then %s.', retention, beyond);
end
$$;

comment on function parking.keep_events(interval, text) is
$$How long events stay in the record, and what becomes of older months: detach (they stay as tables of their own) or drop.

At first it is 13 months and detach.

Problems: not-a-retention.

Example:
    select parking.keep_events('24 months');
                  keep_events
    ---------------------------------------
     Events stay for 2 years, then detach.
    (1 row)$$;

grant execute on function parking.keep_events(interval, text) to parking_dba;

do $$ begin perform parking.tend_events(); end $$;

commit;
