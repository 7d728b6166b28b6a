-- Deploy parking:suggesting to pg
-- requires: booking
-- requires: availability
--
-- What a driver may do who does not get the spot and the time that they asked for: take another spot at that time, or that
-- spot at another time.
--
-- Both are searched from what is nearest outwards, one look into an index each, until enough is found: a lot of thousands of
-- spots and a year of bookings are only read where nearly everything is taken. A suggestion is no promise; book() decides.

begin;

set local role parking_owner;

create function parking_private.visit_spot(
    spot  bigint,
    actor bigint
)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_found record;
    v_lot   parking.lots;
begin
    select f.tenant_id, f.lot_id into v_found from parking_private.find_lot_of('spot', spot) f;
    v_lot := parking_private.visit_lot(v_found.tenant_id, v_found.lot_id, actor);
    if v_lot.id is null then
        perform parking_private.refuse('unknown-spot', format('There is no spot %s.', coalesce(spot::text, 'without a number')));
    end if;
    return v_lot;
end
$$;

comment on function parking_private.visit_spot(bigint, bigint) is
    'The lot of a spot, if it is public or the actor may look at it; its tenant entered. Else the problem unknown-spot.';


create function parking_private.judge_period_at(
    lot    parking.lots,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz
)
    returns timestamptz
    language plpgsql
    stable
as $$
declare
    v_limits record;
begin
    select make_interval(secs => extract(epoch from coalesce(lot.longest_booking, t.longest_booking))) as longest,
           make_interval(secs => extract(epoch from coalesce(lot.booking_horizon, t.booking_horizon))) as horizon
    into strict v_limits
    from parking.tenants t
    where t.id = lot.tenant_id;
    perform parking_private.judge_period(starts, ends, now, v_limits.longest, v_limits.horizon, lot.time_zone);
    return now + v_limits.horizon;
end
$$;

comment on function parking_private.judge_period_at(parking.lots, timestamptz, timestamptz, timestamptz) is
    'Refuse a period that may not be booked in this lot now; returns the moment after which no booking may end.';


create function parking_private.other_spots(
    lot     parking.lots,
    spot    bigint,
    starts  timestamptz,
    ends    timestamptz,
    now     timestamptz,
    at_most integer
)
    returns table (
        place bigint,
        id    bigint,
        name  text,
        type  text
    )
    language plpgsql
    volatile
as $$
#variable_conflict use_column
begin
    if not parking_private.is_open(lot, starts, ends) or parking_private.is_full(lot, starts, ends, now) then
        return;
    end if;
    -- The same order inside and outside, so that it is sorted once and the search ends with the last spot that is wanted.
    -- What stands in a select of its own is no constant to the planner, which would plan anew for each lot.
    return query
        select row_number() over w, s.id, s.name, s.type
        from (
            select s.id, s.name, s.type, s.type <> h.type as of_another, abs(f.position - g.position) as floors_away,
                   abs(r.position - q.position) as rows_away, abs(s.position - h.position) as spots_away,
                   f.position as on_floor, r.position as in_row, s.position as at_place
            from parking.spots h
            join parking.rows q on q.tenant_id = h.tenant_id and q.id = h.row_id
            join parking.floors g on g.tenant_id = q.tenant_id and g.id = q.floor_id
            join parking.spots s on s.tenant_id = h.tenant_id and s.lot_id = h.lot_id and s.id <> h.id and s.retired_at is null
            join parking.rows r on r.tenant_id = s.tenant_id and r.id = s.row_id
            join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
            where h.tenant_id = (select lot.tenant_id) and h.id = (select other_spots.spot)
            order by of_another, floors_away, rows_away, spots_away, on_floor, in_row, at_place, s.id
            offset 0
        ) s
        left join lateral (
            select r.starts
            from parking.reservations r
            where r.tenant_id = (select lot.tenant_id)
              and r.spot_id = s.id
              and r.status = 'active'
              and r.ends > (select greatest(other_spots.now, other_spots.starts))
            order by r.ends
            limit 1
        ) n on true
        where case
            when n.starts < other_spots.ends then false
            else not parking_private.blocked(lot.tenant_id, lot.id, s.id, other_spots.starts, other_spots.ends, other_spots.now)
        end
        window w as (order by s.of_another, s.floors_away, s.rows_away, s.spots_away, s.on_floor, s.in_row, s.at_place, s.id)
        order by s.of_another, s.floors_away, s.rows_away, s.spots_away, s.on_floor, s.in_row, s.at_place, s.id
        limit other_spots.at_most;
end
$$;

comment on function parking_private.other_spots(parking.lots, bigint, timestamptz, timestamptz, timestamptz, integer) is
    'The spots of a lot that are free in a period, those of the same type first, and then the nearest to this one.';


create function parking_private.is_slot(
    lot    parking.lots,
    starts timestamptz,
    ends   timestamptz
)
    returns boolean
    language sql
    stable
    return exists (
        select
        from parking.time_slots t
        where t.tenant_id = lot.tenant_id
          and t.lot_id = lot.id
          and ((is_slot.starts at time zone lot.time_zone)::date + t.starts) at time zone lot.time_zone = is_slot.starts
          and ((is_slot.starts at time zone lot.time_zone)::date + (t.ends <= t.starts)::integer + t.ends) at time zone lot.time_zone
              = is_slot.ends
    );

comment on function parking_private.is_slot(parking.lots, timestamptz, timestamptz) is 'Whether a period is a time slot that the lot''s page offers.';


create function parking_private.later_starts(
    lot    parking.lots,
    spot   bigint,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz,
    until  timestamptz
)
    returns table (
        begins   timestamptz,
        finishes timestamptz
    )
    language plpgsql
    volatile
as $$
#variable_conflict use_column
declare
    v_first constant date := (later_starts.starts at time zone lot.time_zone)::date;
    v_days  constant integer := (later_starts.until at time zone lot.time_zone)::date - v_first;
    -- In seconds, because a day of an interval is as long as the session's time zone makes it.
    v_lasts constant interval := make_interval(secs => extract(epoch from later_starts.ends - later_starts.starts));
begin
    if parking_private.is_slot(lot, later_starts.starts, later_starts.ends) then
        return query
            select (d.day + t.starts) at time zone lot.time_zone,
                   (d.day + (t.ends <= t.starts)::integer + t.ends) at time zone lot.time_zone
            from (select v_first + n as day from generate_series(0, v_days) n) d
            cross join parking.time_slots t
            join parking.tenants o on o.id = t.tenant_id
            where t.tenant_id = lot.tenant_id and t.lot_id = lot.id
              -- In the night in which the clock is put back a slot is longer, and perhaps longer than one may book.
              and ((d.day + (t.ends <= t.starts)::integer + t.ends) at time zone lot.time_zone)
                  - ((d.day + t.starts) at time zone lot.time_zone) <= coalesce(lot.longest_booking, o.longest_booking);
    else
        -- The first moment at which a period fits is one at which something else ends, or the lot opens.
        return query
            select c.begins, c.begins + v_lasts
            from (
                select r.ends
                from parking.reservations r
                where r.tenant_id = lot.tenant_id
                  and r.spot_id = later_starts.spot
                  and r.status = 'active'
                  and r.ends > greatest(later_starts.now, later_starts.starts)
                union
                select o.ends
                from parking.overrides o
                where o.tenant_id = lot.tenant_id
                  and o.lot_id = lot.id
                  and o.spot_id = later_starts.spot
                  and o.ended_at is null
                  and o.state = 'maintenance'
                  and o.ends > greatest(later_starts.now, later_starts.starts)
                union
                select (d.day + h.opens) at time zone lot.time_zone
                from (select v_first + n as day from generate_series(0, v_days) n) d
                join parking.opening_hours h
                    on h.tenant_id = lot.tenant_id and h.lot_id = lot.id and h.weekday = extract(isodow from d.day)
            ) c(begins);
    end if;
end
$$;

comment on function parking_private.later_starts(parking.lots, bigint, timestamptz, timestamptz, timestamptz, timestamptz) is
    'Where a period on a spot might be moved to: the time slots that follow, if it is one, else as long a time from where something else ends.';


create function parking_private.later_periods(
    lot     parking.lots,
    spot    bigint,
    starts  timestamptz,
    ends    timestamptz,
    now     timestamptz,
    until   timestamptz,
    at_most integer
)
    returns table (
        begins   timestamptz,
        finishes timestamptz
    )
    language plpgsql
    volatile
as $$
#variable_conflict use_column
begin
    return query
        select c.begins, c.finishes
        from (
            select l.begins, l.finishes
            from parking_private.later_starts(lot, spot, later_periods.starts, later_periods.ends, now, until) l
            where l.begins > later_periods.starts and l.begins < l.finishes
              and l.finishes > later_periods.now and l.finishes <= later_periods.until
            order by l.begins
            offset 0
        ) c
        left join lateral (
            select r.starts
            from parking.reservations r
            where r.tenant_id = lot.tenant_id
              and r.spot_id = later_periods.spot
              and r.status = 'active'
              and r.ends > greatest(later_periods.now, c.begins)
            order by r.ends
            limit 1
        ) n on true
        where case
            when n.starts < c.finishes then false
            when parking_private.blocked(lot.tenant_id, lot.id, later_periods.spot, c.begins, c.finishes, later_periods.now) then false
            when not parking_private.is_open(lot, c.begins, c.finishes) then false
            else not parking_private.is_full(lot, c.begins, c.finishes, later_periods.now)
        end
        order by c.begins
        limit later_periods.at_most;
end
$$;

comment on function parking_private.later_periods(parking.lots, bigint, timestamptz, timestamptz, timestamptz, timestamptz, integer) is
    'The next times after the start of a period at which a spot is free for as long, or for a time slot of the lot if the period is one.';


create function parking.check_spot(
    spot   bigint,
    starts timestamptz,
    ends   timestamptz,
    actor  bigint default null
)
    returns text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot  constant parking.lots := parking_private.visit_spot(spot, actor);
    v_now  constant timestamptz := parking.clock();
begin
    perform parking_private.judge_period_at(v_lot, starts, ends, v_now);
    return case
        when not parking_private.is_open(v_lot, starts, ends) then 'closed'
        when parking_private.blocked(v_lot.tenant_id, v_lot.id, spot, starts, ends, v_now) then 'maintenance'
        when (
            select r.starts
            from parking.reservations r
            where r.tenant_id = v_lot.tenant_id
              and r.spot_id = check_spot.spot
              and r.status = 'active'
              and r.ends > greatest(v_now, check_spot.starts)
            order by r.ends
            limit 1
        ) < check_spot.ends then 'booked'
        when parking_private.is_full(v_lot, starts, ends, v_now) then 'booked'
        else 'available'
    end;
end
$$;

comment on function parking.check_spot(bigint, timestamptz, timestamptz, bigint) is
$$Whether a spot could be booked for a period at this moment: available, booked, maintenance, or closed as the lot is then.
A spot in a garage that is full then is booked as well.

A period that nobody may book now is refused, as parking.book() refuses it.

Problems: unknown-spot, period-incomplete, period-backwards, period-over, period-too-early, period-too-far, period-too-long.

Example:
    select parking.check_spot(2, 'tomorrow 08:00', 'tomorrow 12:00');
     check_spot
    ------------
     available
    (1 row)$$;

grant execute on function parking.check_spot(bigint, timestamptz, timestamptz, bigint) to parking_service, parking_dba;


create function parking.alternatives(
    spot    bigint,
    starts  timestamptz,
    ends    timestamptz,
    actor   bigint default null,
    at_most integer default 5
)
    returns setof parking.alternative
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    -- Eight weeks. Hours that are too short for the period are so in every week, and to see that in all weeks of a
    -- horizon of years takes seconds.
    c_far   constant interval := interval '1344 hours';
    v_lot   constant parking.lots := parking_private.visit_spot(alternatives.spot, alternatives.actor);
    v_now   constant timestamptz := parking.clock();
    v_until timestamptz;
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows',
            format('At most %s alternatives cannot be given.', coalesce(at_most::text, 'null')));
    end if;
    v_until := least(parking_private.judge_period_at(v_lot, alternatives.starts, alternatives.ends, v_now), alternatives.ends + c_far);
    return query
        select a.kind, a.spot_id, a.spot, a.type, a.starts, a.ends, v_lot.time_zone
        from (
            select 'other-spot' as kind, o.id as spot_id, o.name as spot, o.type, alternatives.starts as starts, alternatives.ends as ends,
                   row_number() over (order by o.place) as place
            from parking_private.other_spots(v_lot, alternatives.spot, alternatives.starts, alternatives.ends, v_now, alternatives.at_most) o
            union all
            select 'later-period', s.id, s.name, s.type, p.begins, p.finishes, row_number() over (order by p.begins)
            from parking_private.later_periods(
                v_lot, alternatives.spot, alternatives.starts, alternatives.ends, v_now, v_until, alternatives.at_most) p
            join parking.spots s on s.tenant_id = v_lot.tenant_id and s.id = alternatives.spot
        ) a
        -- The nearest other spot, the next time on this one, and then the other spots before the times that are later still.
        order by case when a.place = 1 then 1 else 2 end, a.kind desc, a.place
        limit alternatives.at_most;
end
$$;

comment on function parking.alternatives(bigint, timestamptz, timestamptz, bigint, integer) is
$$What one could book instead of a spot in a period, the most useful first: another spot at that time, or that spot later.

other-spot: free in the whole period; those of the same type before the others, the nearest in the same row, then on the same floor,
then in the lot. later-period: the spot itself, in the next time slots of the lot in which it is free if the period is such a slot,
else at the next times at which it is free for as long, up to eight weeks later. There is one of each kind if there is any, and
room for it. In a garage nothing is suggested for a time at which it is full.

Problems: unknown-spot, period-incomplete, period-backwards, period-over, period-too-early, period-too-far, period-too-long,
not-a-number-of-rows.

Example:
    select kind, spot, type, to_char(starts, 'HH24:MI') as starts, to_char(ends, 'HH24:MI') as ends
    from parking.alternatives(2, 'tomorrow 08:00', 'tomorrow 12:00');
         kind     |  spot  |   type   | starts | ends
    --------------+--------+----------+--------+-------
     other-spot   | Spot 1 | regular  | 08:00  | 12:00
     later-period | Spot 2 | regular  | 12:00  | 16:00
     other-spot   | Spot 4 | regular  | 08:00  | 12:00
     other-spot   | Spot 5 | regular  | 08:00  | 12:00
     other-spot   | Spot 3 | handicap | 08:00  | 12:00
    (5 rows)$$;

grant execute on function parking.alternatives(bigint, timestamptz, timestamptz, bigint, integer) to parking_service, parking_dba;

commit;
