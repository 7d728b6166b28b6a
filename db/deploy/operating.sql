-- Deploy parking:operating to pg
-- requires: tallies
-- requires: reservations
-- requires: sessions
--
-- What those who run the installation ask it: is it in order, and how much is going on. Both look across all tenants,
-- name nobody, and cost so little that a program may ask every few seconds.
--
-- readiness() goes by effects and not by promises. Whether the stale checker runs is judged by what it has left undone,
-- whoever is to call it; and pg_cron's launcher, once gone, stays gone until the server restarts, so its absence is told
-- before anything is overdue. Neither keeps a driver from a spot: book() releases by itself what is overdue there.
--
-- figures() counts what has become visible since its last reading (see tallies). One reading at a time adds to the
-- counters; another one that comes meanwhile tells them as they were, and waits for nobody.

begin;

grant usage on schema sqitch to parking_platform;
grant select on sqitch.changes to parking_platform;

set local role parking_owner;

grant select on parking.reservations to parking_platform;

create function parking_private.has_scheduler()
    returns boolean
    language plpgsql
    volatile
as $$
begin
    return current_setting('cron.database_name', true) is not null;
exception
    -- Where pg_cron is loaded, only those who may read every setting are told where its jobs are.
    when insufficient_privilege then
        return true;
end
$$;

comment on function parking_private.has_scheduler() is 'Whether pg_cron is among the libraries that the server has loaded.';


create function parking.readiness(
    change     text        default null,
    planned_at timestamptz default null
)
    returns table (
        deployed      text,
        has_change    boolean,
        sweep         text,
        overdue_since timestamptz,
        at            timestamptz
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    c_patience constant interval := interval '3 minutes';
    v_now     timestamptz := parking.clock();
    v_running boolean;
    v_overdue timestamptz;
begin
    v_running := exists (select from pg_stat_activity a where a.application_name = 'pg_cron scheduler');
    select min(o.ends) into v_overdue
    from parking.tenants t
    cross join lateral (
        select r.ends
        from parking.reservations r
        where r.tenant_id = t.id and r.status = 'active' and r.ends <= v_now
        order by r.ends
        limit 1
    ) o;

    return query
        select (select c.change from sqitch.changes c where c.project = 'parking' order by c.committed_at desc limit 1),
               case when readiness.change is not null then exists (
                   select from sqitch.changes c
                   where c.project = 'parking' and c.change = readiness.change
                     and c.planned_at = coalesce(readiness.planned_at, c.planned_at)
               ) end,
               case
                   when not v_running and parking_private.has_scheduler() then 'gone'
                   when v_overdue < v_now - c_patience then 'late'
                   when not v_running then 'elsewhere'
                   else 'running'
               end,
               v_overdue,
               v_now;
end
$$;

comment on function parking.readiness(text, timestamptz) is
$$Whether this database is in order: its last migration, whether it has a certain one, and how the stale checker is doing.

has_change says whether the change of this name is deployed, and of those that were reworked the one that was planned
then; null when none is named. sweep is running; late: something has been overdue for more than three minutes; gone: the
server has loaded pg_cron, but its launcher runs no more (it comes back with the server); elsewhere: without pg_cron,
somebody else is to call parking.sweep(). Bookings stay right in any case.

Example:
    select has_change, sweep, overdue_since from parking.readiness('booking');
     has_change |  sweep  | overdue_since
    ------------+---------+---------------
     t          | running |
    (1 row)$$;

grant execute on function parking.readiness(text, timestamptz) to parking_service, parking_dba;


create function parking_private.count_events(since integer, counted pg_snapshot)
    returns table (
        type     text,
        events   bigint,
        epoch    integer,
        snapshot pg_snapshot
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_epoch integer;
begin
    select l.epoch into strict v_epoch from parking_private.event_log l;
    -- One statement, so that what it sees is what its own snapshot says; but for what this very transaction has done,
    -- which has not happened yet.
    return query
        select c.type, c.events, v_epoch, pg_current_snapshot()
        from (
            select e.type, count(*) as events
            from parking.events e
            where e.epoch between count_events.since and v_epoch
              and (e.epoch > count_events.since or e.xid >= pg_snapshot_xmin(count_events.counted))
              and (e.epoch > count_events.since or not pg_visible_in_snapshot(e.xid, count_events.counted))
              and (e.epoch < v_epoch or pg_visible_in_snapshot(e.xid, (select pg_current_snapshot())))
            group by e.type
        ) c;
end
$$;

comment on function parking_private.count_events(integer, pg_snapshot) is
    'How many events of each type have become visible since this snapshot of this epoch, in all tenants, and up to which snapshot.';


create function parking_private.tally()
    returns void
    language plpgsql
    volatile
as $$
declare
    v_mark  record;
    v_count record;
begin
    -- A snapshot does not tell of one's own transaction what it has done so far and what it is still to do.
    if pg_current_xact_id_if_assigned() is not null then
        return;
    end if;
    select m.epoch, m.counted into v_mark from parking_private.tally_mark m for update skip locked;
    if not found then
        return;
    end if;
    for v_count in select c.type, c.events, c.epoch, c.snapshot from parking_private.count_events(v_mark.epoch, v_mark.counted) c loop
        insert into parking_private.tallies as t (type, total) values (v_count.type, v_count.events)
        on conflict (type) do update set total = t.total + excluded.total;
        update parking_private.tally_mark m set epoch = v_count.epoch, counted = v_count.snapshot;
    end loop;
end
$$;

comment on function parking_private.tally() is 'Add to the counters what has become visible since they were last read, unless somebody else is doing just that, or this transaction has written.';


create function parking_private.measure_use()
    returns table (
        figure text,
        label  text,
        value  numeric
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    c_most_tenants constant integer := 100;
    v_now timestamptz := parking.clock();
begin
    return query
        with tenant as (
            select t.slug, u.spots, u.held
            from parking.tenants t
            cross join lateral (
                select count(*) as spots, count(h.spot_id) as held
                from parking.spots s
                left join (
                    select distinct r.spot_id
                    from parking.reservations r
                    where r.tenant_id = t.id and r.status = 'active' and r.starts <= v_now and r.ends > v_now
                      and r.starts > v_now - interval '168 hours'
                ) h on h.spot_id = s.id
                where s.tenant_id = t.id and s.retired_at is null
            ) u
            where u.spots > 0
            order by u.spots desc, t.id
            limit c_most_tenants
        )
        select f.figure, t.slug, f.value
        from tenant t
        cross join lateral (values ('spots', t.spots::numeric), ('occupancy_rate', round(t.held::numeric / t.spots, 4))) f(figure, value)
        union all
        select 'active_sessions', null, count(*)::numeric
        from parking.sessions s
        where s.revoked_at is null and s.expires_at > v_now;
end
$$;

comment on function parking_private.measure_use() is
    'The figures that are true at this moment: spots and what share of them is taken, of the hundred largest tenants, and the open sessions.';


create function parking.figures()
    returns table (
        figure text,
        label  text,
        value  numeric
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
begin
    perform parking_private.tally();
    return query
        select 'reservations_total', t.type, t.total::numeric from parking_private.tallies t
        where t.type in ('booked', 'rescheduled', 'cancelled', 'completed', 'released')
        union all
        select m.figure, m.label, m.value from parking_private.measure_use() m
        order by 1, 2;
end
$$;

comment on function parking.figures() is
$$How much is going on in all tenants together, for those who watch: what a program may read every few seconds.

reservations_total: how often reservations were booked, rescheduled, cancelled, completed or released, ever; it outlives restarts and the
retention of the record, and a restored backup takes it back to where that was. spots and occupancy_rate (0 to 1, of
now): by tenant, of the hundred largest. active_sessions: who could go on without signing in. The service tells the same
to Prometheus, under /metrics.

Example:
    select status from parking.book(parking.find_person('driver1@parking.com'), 1,
        parking.clock() - interval '1 hour', parking.clock() + interval '1 hour');
     status
    --------
     active
    (1 row)

    select figure, label, value from parking.figures() where figure = 'reservations_total';
           figure       |    label    | value
    --------------------+-------------+-------
     reservations_total | booked      |     1
     reservations_total | cancelled   |     0
     reservations_total | completed   |     0
     reservations_total | released    |     0
     reservations_total | rescheduled |     0
    (5 rows)$$;

grant execute on function parking.figures() to parking_service, parking_dba;

grant execute on function parking_private.has_scheduler() to parking_platform;
-- Only a superuser may give an object away.
reset role;
alter function parking.readiness(text, timestamptz) owner to parking_platform;
alter function parking_private.count_events(integer, pg_snapshot) owner to parking_platform;
grant execute on function parking_private.count_events(integer, pg_snapshot) to parking_owner;
alter function parking_private.measure_use() owner to parking_platform;
grant execute on function parking_private.measure_use() to parking_owner;

commit;

-- Whatever happened before is counted here, where no time limit ends it, and not in the transaction that has written.
do $$ begin perform parking.figures(); end $$;
