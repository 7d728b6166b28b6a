-- Deploy parking:day_figures to pg
-- requires: overseeing
-- requires: event_times
--
-- A lot's day in figures, for those who run it.
--
-- A reservation holds its spot from its start until it ends or is ended, whichever comes first; one that was cancelled
-- before its start held nothing, and needs no rule of its own. A day is the lot's own, from midnight to midnight, and is
-- taken in real half hours: the day on which the clocks go back has fifty. Of a half hour counts how many spots are held
-- at once at most. Two reservations of one spot count once, even where an ended one and its successor overlap on paper:
-- the times that a spot is held are made one before any are counted.
--
-- Bookings, cancellations and the like count on the day on which they happened, whatever day they are for.

begin;

set local role parking_owner;

create function parking_private.local_day(
    lot        parking.lots,
    day        date,
    now        timestamptz,
    out starts timestamptz,
    out ends   timestamptz
)
    language plpgsql
    stable
as $$
declare
    v_day constant date := coalesce(local_day.day, (now at time zone lot.time_zone)::date);
begin
    perform parking_private.require_day(v_day);
    -- Where clocks go back at midnight there are two, and the first one counts.
    select min(m.moment) filter (where n.midnight = 1), min(m.moment) filter (where n.midnight = 2) into starts, ends
    from (values (1, v_day), (2, v_day + 1)) n(midnight, day)
    cross join lateral (select n.day::timestamp at time zone lot.time_zone as moment) l
    cross join lateral generate_series(l.moment - interval '3 hours', l.moment, interval '15 minutes') m(moment)
    where (m.moment at time zone lot.time_zone)::date >= n.day;
end
$$;

comment on function parking_private.local_day(parking.lots, date, timestamptz) is
    'From when until when a lot''s local day lasts, today without one; or the problem day-out-of-range.';


create function parking_private.held_spots(
    lot    parking.lots,
    starts timestamptz,
    ends   timestamptz
)
    returns table (
        step_starts timestamptz,
        step_ends   timestamptz,
        spots       bigint,
        held        bigint
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
declare
    v_lot  constant parking.lots := held_spots.lot;
    v_from constant timestamptz := held_spots.starts;
    v_to   constant timestamptz := held_spots.ends;
begin
    return query
        with reserved as materialized (
            select r.spot_id, range_agg(tstzrange(greatest(r.starts, v_from), least(r.until, v_to))) as times
            from (
                -- Each from its index.
                select a.spot_id, a.starts, a.ends as until
                from parking.reservations a
                where a.tenant_id = v_lot.tenant_id and a.lot_id = v_lot.id and a.status = 'active'
                  and a.starts > v_from - interval '168 hours' and a.starts < v_to
                union all
                select e.spot_id, e.starts, least(e.ends, e.ended_at)
                from parking.reservations e
                where e.tenant_id = v_lot.tenant_id and e.lot_id = v_lot.id and e.status <> 'active'
                  and e.starts > v_from - interval '168 hours' and e.starts < v_to
            ) r
            where r.until > greatest(r.starts, v_from)
            group by r.spot_id
        ), held as (
            -- A spot holds nothing once it is retired.
            select v.times * tstzmultirange(tstzrange(null, (
                select s.retired_at from parking.spots s where s.tenant_id = v_lot.tenant_id and s.id = v.spot_id
            ))) as times
            from reserved v
        ), turns as (
            select t.at, sum(t.change) as change
            from held h
            cross join lateral unnest(h.times) u(period)
            cross join lateral (values (lower(u.period), 1), (upper(u.period), -1)) t(at, change)
            group by t.at
        ), levels as (
            select t.at as starts, lead(t.at, 1, v_to) over (order by t.at) as ends, sum(t.change) over (order by t.at) as held
            from turns t
        ), highest as (
            select g.step, max(l.held) as held
            from levels l
            cross join lateral generate_series(
                floor(extract(epoch from l.starts - v_from) / 1800)::integer,
                ceil(extract(epoch from l.ends - v_from) / 1800)::integer - 1) g(step)
            group by g.step
        ), places as materialized (
            select s.retired_at, count(*) as spots
            from parking.spots s
            where s.tenant_id = v_lot.tenant_id and s.lot_id = v_lot.id
            group by s.retired_at
        ), steps as (
            select g.step::integer as step, v_from + g.step * interval '30 minutes' as starts,
                   least(v_from + (g.step + 1) * interval '30 minutes', v_to) as ends
            from generate_series(0, ceil(extract(epoch from v_to - v_from) / 1800)::integer - 1) g(step)
        )
        select s.starts, s.ends,
               (select coalesce(sum(p.spots), 0)::bigint from places p where p.retired_at is null or p.retired_at > s.starts),
               coalesce(h.held, 0)::bigint
        from steps s
        left join highest h on h.step = s.step
        order by s.starts;
end
$$;

comment on function parking_private.held_spots(parking.lots, timestamptz, timestamptz) is
    'The half hours of a period, each with the spots that a lot has then and how many reservations hold at once at most.';


create function parking.day_course(
    lot   bigint default null,
    day   date default null,
    actor bigint default null
)
    returns table (
        starts      timestamptz,
        ends        timestamptz,
        spots       bigint,
        held        bigint,
        peak        boolean,
        booked      bigint,
        rescheduled bigint,
        cancelled   bigint,
        completed   bigint,
        released    bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.oversee_lot(day_course.lot, day_course.actor);
    v_day record;
begin
    select d.starts, d.ends into v_day from parking_private.local_day(v_lot, day_course.day, parking.clock()) d;
    return query
        with happened as (
            select floor(extract(epoch from e.at - v_day.starts) / 1800)::integer as step, e.type, count(*) as events
            from parking.events e
            where e.tenant_id = v_lot.tenant_id and e.lot_id = v_lot.id and e.at >= v_day.starts and e.at < v_day.ends
            group by 1, 2
        ), counts as (
            select h.step,
                   sum(h.events) filter (where h.type = 'booked') as booked,
                   sum(h.events) filter (where h.type = 'rescheduled') as rescheduled,
                   sum(h.events) filter (where h.type = 'cancelled') as cancelled,
                   sum(h.events) filter (where h.type = 'completed') as completed,
                   sum(h.events) filter (where h.type = 'released') as released
            from happened h
            group by h.step
        )
        select s.step_starts, s.step_ends, s.spots, s.held, s.held > 0 and s.held = max(s.held) over (),
               coalesce(c.booked, 0)::bigint, coalesce(c.rescheduled, 0)::bigint, coalesce(c.cancelled, 0)::bigint,
               coalesce(c.completed, 0)::bigint, coalesce(c.released, 0)::bigint
        from parking_private.held_spots(v_lot, v_day.starts, v_day.ends) s
        left join counts c on c.step = floor(extract(epoch from s.step_starts - v_day.starts) / 1800)
        order by s.step_starts;
end
$$;

comment on function parking.day_course(bigint, date, bigint) is
$$A lot's local day in half hours: how many of its spots are held at once at most, and what happened; without a day, today.

What lies ahead is held by what is booked so far. peak: no half hour of the day has more. What happened counts when it
happened, whatever time it is about. For those who may see how lots are used, and for DBAs, who may leave the actor out.

Problems: unknown-actor, not-permitted, unknown-lot, day-out-of-range.

Example:
    select b.spot from parking.book(parking.find_person('driver1@parking.com'), 3, 'tomorrow 08:15', 'tomorrow 09:30') b;
      spot
    --------
     Spot 3
    (1 row)

    select starts::time, ends::time, spots, held, peak
    from parking.day_course(1, current_date + 1)
    where starts between 'tomorrow 07:30' and 'tomorrow 09:30';
      starts  |   ends   | spots | held | peak
    ----------+----------+-------+------+------
     07:30:00 | 08:00:00 |     5 |    0 | f
     08:00:00 | 08:30:00 |     5 |    1 | t
     08:30:00 | 09:00:00 |     5 |    1 | t
     09:00:00 | 09:30:00 |     5 |    1 | t
     09:30:00 | 10:00:00 |     5 |    0 | f
    (5 rows)$$;

grant execute on function parking.day_course(bigint, date, bigint) to parking_service, parking_dba;


create function parking.day_figures(
    lot   bigint default null,
    day   date default null,
    actor bigint default null
)
    returns table (
        type        text,
        spots       bigint,
        free_now    bigint,
        held_now    bigint,
        closed_now  bigint,
        unknown_now bigint,
        booked      bigint,
        rescheduled bigint,
        cancelled   bigint,
        completed   bigint,
        released    bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.oversee_lot(day_figures.lot, day_figures.actor);
    v_now constant timestamptz := parking.clock();
    v_day record;
begin
    select d.starts, d.ends into v_day from parking_private.local_day(v_lot, day_figures.day, v_now) d;
    return query
        with now as (
            select s.type, c.state, count(*) as spots
            from parking_private.conditions(v_lot, null, v_now) c
            join parking.spots s on s.tenant_id = v_lot.tenant_id and s.id = c.spot_id
            group by s.type, c.state
        ), happened as (
            select s.type, e.event, sum(e.events) as events
            from (
                select e.spot_id, e.type as event, count(*) as events
                from parking.events e
                where e.tenant_id = v_lot.tenant_id and e.lot_id = v_lot.id and e.at >= v_day.starts and e.at < v_day.ends
                group by e.spot_id, e.type
            ) e
            join parking.spots s on s.tenant_id = v_lot.tenant_id and s.id = e.spot_id
            group by s.type, e.event
        ), counted as (
            select n.type, n.state as what, n.spots as number from now n
            union all
            select h.type, h.event, h.events from happened h
        )
        select case when grouping(c.type) = 0 then c.type else 'all' end,
               coalesce(sum(c.number) filter (where c.what in ('free', 'reserved', 'occupied', 'maintenance', 'unknown')), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'free'), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what in ('reserved', 'occupied')), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'maintenance'), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'unknown'), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'booked'), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'rescheduled'), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'cancelled'), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'completed'), 0)::bigint,
               coalesce(sum(c.number) filter (where c.what = 'released'), 0)::bigint
        from counted c
        group by grouping sets ((c.type), ())
        order by grouping(c.type), c.type;
end
$$;

comment on function parking.day_figures(bigint, date, bigint) is
$$What happened in a lot on one of its local days, by type of spot and, in the row "all", altogether; and the state of its spots at this moment.

held_now: a reservation runs, or somebody says that the spot is reserved or occupied; closed_now: in maintenance. Without
a day, today. For those who may see how lots are used, and for DBAs, who may leave the actor out.

Problems: unknown-actor, not-permitted, unknown-lot, day-out-of-range.

Example:
    select b.spot from parking.book(parking.find_person('driver1@parking.com'), 3, 'tomorrow 08:00', 'tomorrow 12:00') b;
      spot
    --------
     Spot 3
    (1 row)

    select type, spots, free_now, held_now, booked, released from parking.day_figures();
       type   | spots | free_now | held_now | booked | released
    ----------+-------+----------+----------+--------+----------
     handicap |     1 |        1 |        0 |      1 |        0
     regular  |     4 |        4 |        0 |      0 |        0
     all      |     5 |        5 |        0 |      1 |        0
    (3 rows)$$;

grant execute on function parking.day_figures(bigint, date, bigint) to parking_service, parking_dba;


create function parking.day_peaks(
    lot   bigint default null,
    day   date default null,
    actor bigint default null
)
    returns table (
        starts timestamptz,
        ends   timestamptz,
        spots  bigint,
        held   bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
begin
    return query
        select min(p.starts), max(p.ends), min(p.spots), min(p.held)
        from (
            -- Half hours that follow one another are as far behind their number among all as behind that among the peaks.
            select c.starts, c.ends, c.spots, c.held, c.peak,
                   row_number() over (order by c.starts) - row_number() over (partition by c.peak order by c.starts) as run
            from parking.day_course(day_peaks.lot, day_peaks.day, day_peaks.actor) c
        ) p
        where p.peak
        group by p.run
        order by 1;
end
$$;

comment on function parking.day_peaks(bigint, date, bigint) is
$$When most spots of a lot are held on one of its local days, and how many: the half hours of parking.day_course() that are a peak, those that adjoin as one.

None, where nothing is held. Without a day, today. For those who may see how lots are used, and for DBAs, who may leave
the actor out.

Problems: unknown-actor, not-permitted, unknown-lot, day-out-of-range.

Example:
    select b.spot from parking.book(parking.find_person('driver1@parking.com'), 3, 'tomorrow 08:00', 'tomorrow 12:00') b;
      spot
    --------
     Spot 3
    (1 row)

    select p.starts::time, p.ends::time, p.held from parking.day_peaks(1, current_date + 1) p;
      starts  |   ends   | held
    ----------+----------+------
     08:00:00 | 12:00:00 |    1
    (1 row)$$;

grant execute on function parking.day_peaks(bigint, date, bigint) to parking_service, parking_dba;

commit;
