-- Deploy parking:opening to pg
-- requires: visiting
--
-- Hours are written as in the field: those of a day as 08:00-20:00, those of a week as OpenStreetMap and schema.org do,
-- Mo-Fr 06:00-22:00; Sa,Su 08:00-20:00. The wall clock is the lot's; what ends at or before its start ends on the next day.

begin;

set local role parking_owner;

create function parking_private.read_hours(
    hours      text,
    out starts time,
    out ends   time
)
    language plpgsql
    immutable
as $$
declare
    v_part constant text[] := regexp_match(hours, '^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)$');
begin
    starts := v_part[1]::time;
    ends := v_part[2]::time;
    if v_part is null or starts = ends then
        perform parking_private.refuse('not-hours', format('%s are no hours of a day.', coalesce(quote_literal(left(hours, 100)), 'null')));
    end if;
end
$$;

comment on function parking_private.read_hours(text) is 'Hours of a day, 08:00-20:00; the whole day is 00:00-24:00.';


create function parking_private.write_hours(starts time, ends time)
    returns text
    language sql
    immutable
    return left(starts::text, 5) || '-' || left(ends::text, 5);

comment on function parking_private.write_hours(time, time) is 'Hours of a day as read_hours() reads them.';


create function parking_private.read_week(week text)
    returns table (
        weekday integer,
        opens   time,
        closes  time
    )
    language plpgsql
    stable
as $$
declare
    c_days constant text[] := array['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'];
    c_rule constant text := replace('^\s*(?:(DAY(?:-DAY)?(?:, ?DAY(?:-DAY)?)*) )?([0-9][0-9:, -]*)$', 'DAY', '(?:Mo|Tu|We|Th|Fr|Sa|Su)');
    v_part text;
    v_rule text[];
    v_days integer[];
    v_seen integer[] := array[]::integer[];
begin
    if week = '24/7' then
        return;
    end if;
    for v_part in select p.part from regexp_split_to_table(left(week, 1000), ';') p(part) loop
        v_rule := regexp_match(v_part, c_rule);
        v_days := array(
            -- A range may go over the end of the week: Sa-Mo.
            select (d.first - 1 + n) % 7 + 1
            from (
                select array_position(c_days, left(r.days, 2)) as first, array_position(c_days, right(r.days, 2)) as last
                from regexp_split_to_table(coalesce(v_rule[1], 'Mo-Su'), ', ?') r(days)
            ) d
            cross join lateral generate_series(0, (d.last - d.first + 7) % 7) n
        );
        if v_rule is null or length(week) > 1000 or v_days && v_seen then
            perform parking_private.refuse('not-hours',
                format('%s are no opening hours, or two rules are about one day.', quote_literal(left(week, 100))));
        end if;
        v_seen := v_seen || v_days;
        return query
            select distinct d.day, h.starts, h.ends
            from unnest(v_days) d(day)
            cross join regexp_split_to_table(btrim(v_rule[2]), ', ?') p(hours)
            cross join lateral parking_private.read_hours(p.hours) h;
    end loop;
end
$$;

comment on function parking_private.read_week(text) is
    'The opening hours of a week, Mo-Fr 06:00-22:00; Sa,Su 08:00-12:00,14:00-18:00; no rows for 24/7. Rules are parted by semicolons, and no two are about one day.';


create function parking_private.write_week(lot parking.lots)
    returns text
    language sql
    stable
begin atomic
    with days as (
        select h.weekday, string_agg(parking_private.write_hours(h.opens, h.closes), ',' order by h.opens, h.closes) as hours
        from parking.opening_hours h
        where h.tenant_id = lot.tenant_id and h.lot_id = lot.id
        group by h.weekday
    ), runs as (
        -- Neighbouring days with the same hours share this difference.
        select min(r.weekday) as first, max(r.weekday) as last, r.hours
        from (select d.weekday, d.hours, d.weekday - row_number() over (partition by d.hours order by d.weekday) as run from days d) r
        group by r.hours, r.run
    )
    select coalesce(string_agg(
        (array['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'])[r.first]
        || case when r.last > r.first then '-' || (array['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'])[r.last] else '' end
        || ' ' || r.hours, '; ' order by r.first), '24/7')
    from runs r;
end;

comment on function parking_private.write_week(parking.lots) is 'A lot''s opening hours as read_week() reads them.';


create function parking_private.set_week(
    lot  parking.lots,
    week text
)
    returns void
    language plpgsql
    volatile
as $$
begin
    delete from parking.opening_hours h where h.tenant_id = lot.tenant_id and h.lot_id = lot.id;
    insert into parking.opening_hours (tenant_id, lot_id, weekday, opens, closes)
    select lot.tenant_id, lot.id, w.weekday, w.opens, w.closes from parking_private.read_week(week) w;
end
$$;

comment on function parking_private.set_week(parking.lots, text) is 'Replace a lot''s opening hours.';


create function parking_private.require_slots_apart(lot parking.lots)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_today constant date := (parking.clock() at time zone lot.time_zone)::date;
    v_clash record;
begin
    -- By the clock of the lot, day by day: in spring a slot that begins in the hour that is skipped moves into the next one.
    select x.day, x.slot, x.before into v_clash
    from (
        select s.day, s.slot, s.starts, lag(s.slot) over w as before, max(s.ends) over (w rows between unbounded preceding and 1 preceding) as busy
        from (
            select d.day, parking_private.write_hours(t.starts, t.ends) as slot,
                   (d.day + t.starts) at time zone lot.time_zone as starts,
                   (d.day + (t.ends <= t.starts)::integer + t.ends) at time zone lot.time_zone as ends
            from parking.time_slots t
            cross join (select v_today + n as day from generate_series(0, 731) n) d
            where t.tenant_id = lot.tenant_id and t.lot_id = lot.id
        ) s
        where s.starts < s.ends
        window w as (order by s.starts, s.ends)
    ) x
    where x.busy > x.starts
    order by x.starts
    limit 1;
    if found then
        perform parking_private.refuse('slots-overlap',
            format('On %s, %s overlaps what begins before it, such as %s.', to_char(v_clash.day, 'FMDD FMMonth YYYY'), v_clash.slot, v_clash.before));
    end if;
end
$$;

comment on function parking_private.require_slots_apart(parking.lots) is
    'Refuse time slots that overlap on any day of the next two years, on those of 23 and 25 hours as well.';


create function parking_private.set_slots(
    lot   parking.lots,
    slots text[]
)
    returns void
    language plpgsql
    volatile
as $$
begin
    if slots is null or cardinality(slots) > 48 then
        perform parking_private.refuse('not-hours', 'A lot has a list of up to 48 time slots.');
    end if;
    delete from parking.time_slots t where t.tenant_id = lot.tenant_id and t.lot_id = lot.id;
    insert into parking.time_slots (tenant_id, lot_id, starts, ends)
    select lot.tenant_id, lot.id, h.starts, h.ends
    from unnest(slots) s(slot)
    cross join lateral parking_private.read_hours(s.slot) h
    on conflict do nothing;
    if (select count(*) <> cardinality(slots) from parking.time_slots t where t.tenant_id = lot.tenant_id and t.lot_id = lot.id) then
        perform parking_private.refuse('slots-overlap', 'Two of the time slots begin at the same time.');
    end if;
    perform parking_private.require_slots_apart(lot);
end
$$;

comment on function parking_private.set_slots(parking.lots, text[]) is 'Replace a lot''s time slots.';

commit;
