-- Deploy parking:stats to pg
-- requires: availability
-- requires: tallying

begin;

set local role parking_owner;

create function parking.stats(
    lot   bigint default null,
    actor bigint default null
)
    returns table (
        lot_id              bigint,
        time_zone           text,
        peak_hour           integer,
        total_reservations  bigint,
        active_reservations bigint,
        spots               bigint,
        available_now       bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    c_window constant interval := interval '2160 hours';
    v_now    timestamptz := parking.clock();
    v_lot    constant parking.lots := parking_private.enter_lot(stats.lot, 'default', stats.actor);
begin
    return query
        with held as (
            -- Whole local hours, from the first to the last. Most reservations share theirs with many others, so they are counted
            -- before they are taken apart. One that was ended early held its spot until then.
            select f.first, date_bin(interval '1 hour', r.until - interval '1 microsecond', f.first) as last, count(*) as cars
            from (
                -- Each from its index.
                select a.starts, a.ends as until
                from parking.reservations a
                where a.tenant_id = v_lot.tenant_id and a.lot_id = v_lot.id and a.status = 'active' and a.starts > v_now - c_window
                union all
                select e.starts, least(e.ends, e.ended_at)
                from parking.reservations e
                where e.tenant_id = v_lot.tenant_id and e.lot_id = v_lot.id and e.status <> 'active' and e.starts > v_now - c_window
            ) r
            cross join lateral (select date_trunc('hour', r.starts, v_lot.time_zone) as first) f
            where r.starts < r.until
            group by 1, 2
        ), hours as (
            -- Steps of real hours: on the day with 25, hour 2 counts twice, on the one with 23 not at all.
            select extract(hour from g.moment at time zone v_lot.time_zone)::integer as hour, sum(h.cars) as cars
            from held h
            cross join lateral generate_series(h.first, h.last, interval '1 hour') g(moment)
            group by 1
        )
        select v_lot.id, v_lot.time_zone,
            (select h.hour from hours h order by h.cars desc, h.hour limit 1),
            parking_private.count_reservations(v_lot.tenant_id, v_lot.id),
            (select count(*) from parking.reservations r
             where r.tenant_id = v_lot.tenant_id and r.lot_id = v_lot.id and r.status = 'active' and r.ends > v_now
               and r.starts > v_now - interval '168 hours'),
            count(*),
            count(*) filter (where s.status = 'available')
        from parking.list_spots(v_lot.id, actor => stats.actor) s;
end
$$;

comment on function parking.stats(bigint, bigint) is
$$How a lot is used: its reservations ever and the live ones, its spots and how many are free at this moment, and the peak hour.

The peak hour is the local hour of the day, 0 to 23, in which most reservations of the last 90 days and of those to come
hold a spot, the earliest of several; null while there is none. While the lot is closed, nothing is available.

Problems: unknown-lot.

Example:
    select peak_hour, total_reservations, active_reservations, spots from parking.stats();
     peak_hour | total_reservations | active_reservations | spots
    -----------+--------------------+---------------------+-------
               |                  0 |                   0 |     5
    (1 row)$$;

grant execute on function parking.stats(bigint, bigint) to parking_service, parking_dba;

commit;
