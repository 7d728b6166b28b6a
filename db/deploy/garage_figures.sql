-- Deploy parking:garage_figures to pg
-- requires: paying
--
-- A garage in numbers. A day is one of the wall clock of the garage, of 23 or 25 hours where the clocks change. Money counts on the day
-- on which it moved, so that a day's revenue never changes afterwards: a refund is taken from the day on which it was given. Stays
-- count on the day on which they ended.
--
-- All of it is found by indexes: who is inside by that of open tickets, who left by that of exits, money by that of payments, so that what
-- lies in the past costs nothing.

begin;

set local role parking_owner;

create function parking_private.day_starts(day date, zone text)
    returns timestamptz
    language plpgsql
    stable
as $$
declare
    c_step constant interval := interval '15 minutes';
    -- Of two midnights, where the clocks go back over one, this is the second; the hour before it is of this day, too.
    v_at   timestamptz := day::timestamp at time zone zone;
begin
    while ((v_at - c_step) at time zone zone)::date >= day loop
        v_at := v_at - c_step;
    end loop;
    return v_at;
end
$$;

comment on function parking_private.day_starts(date, text) is
    'When a day begins by the clocks of a time zone: at the first of two midnights, as in local_day(), so that whatever has this date lies in this day.';


create function parking_private.in_hours(seconds numeric)
    returns numeric
    language sql
    immutable
    return round(seconds / 3600, 1);

comment on function parking_private.in_hours(numeric) is 'A length as people read it: hours with one decimal.';


create function parking.garage_stats(
    actor bigint,
    lot   bigint
)
    returns table (
        lot_id                   bigint,
        name                     text,
        total_spaces             integer,
        occupied_spaces          integer,
        available_spaces         integer,
        occupied_percent         integer,
        inside                   integer,
        booked                   integer,
        overstaying              integer,
        hourly_rate_cents        bigint,
        todays_revenue_cents     bigint,
        currency                 text,
        vehicles_processed_today bigint,
        average_stay_seconds     bigint,
        average_stay_hours       numeric,
        time_zone                text,
        today                    date
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot    constant parking.lots := parking_private.desk(garage_stats.actor, garage_stats.lot);
    v_garage constant parking.garage := parking_private.garage_details(v_lot);
    v_now    constant timestamptz := parking.clock();
    v_day    constant date := (v_now at time zone v_lot.time_zone)::date;
    v_today  constant timestamptz := parking_private.day_starts(v_day, v_lot.time_zone);
begin
    return query
        with tickets as (
            select count(*)::integer as inside, count(*) filter (where t.entered_at + v_garage.assumed_stay < v_now)::integer as overstaying
            from parking.tickets t
            where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id and t.status = 'open'
        ), bookings as (
            select count(*)::integer as booked
            from parking.reservations r
            where r.tenant_id = v_lot.tenant_id
              and r.lot_id = v_lot.id
              and r.status = 'active'
              and r.starts > v_now - interval '168 hours'
              and r.starts <= v_now
              and r.ends > v_now
        ), money as (
            select coalesce(sum(p.amount_cents), 0)::bigint as cents
            from parking.payments p
            where p.tenant_id = v_lot.tenant_id and p.lot_id = v_lot.id and p.at >= v_today and p.at <= v_now
        ), exits as (
            select count(*) as vehicles, avg(extract(epoch from t.left_at - t.entered_at)) as seconds
            from parking.tickets t
            where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id and t.left_at >= v_today and t.left_at <= v_now and t.status <> 'void'
        )
        select v_lot.id, v_lot.name, v_garage.spaces, t.inside + b.booked, greatest(v_garage.spaces - t.inside - b.booked, 0),
               least(100, 100 * (t.inside + b.booked) / v_garage.spaces), t.inside, b.booked,
               t.overstaying, v_garage.hourly_rate_cents, m.cents, v_garage.currency, e.vehicles, e.seconds::bigint,
               parking_private.in_hours(e.seconds), v_lot.time_zone, v_day
        from tickets t, bookings b, money m, exits e;
end
$$;

comment on function parking.garage_stats(bigint, bigint) is
$$A garage at this moment, and its day so far: spaces, money in hundredths of the currency, vehicles that left, how long they stayed.

occupied_spaces are those of vehicles inside and of bookings that run; there may be more of them than spaces where those were made fewer, and
occupied_percent, which is rounded down, is 100 then. A vehicle that
stays longer than is assumed is inside, and overstaying as well. Today is the day of the garage's own clock. The averages
are of those that left today, void tickets aside, and null where nobody did.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage.

Example:
    select (parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123')).ticket_number;
     ticket_number
    ---------------
     PS-0001
    (1 row)

    select total_spaces, occupied_spaces, available_spaces, hourly_rate_cents, todays_revenue_cents, average_stay_seconds
    from parking.garage_stats(parking.find_person('operator@parking.com'), 4);
     total_spaces | occupied_spaces | available_spaces | hourly_rate_cents | todays_revenue_cents | average_stay_seconds
    --------------+-----------------+------------------+-------------------+----------------------+----------------------
              140 |               1 |              139 |              1000 |                    0 |
    (1 row)$$;

grant execute on function parking.garage_stats(bigint, bigint) to parking_service, parking_dba;


create function parking.list_activities(
    actor   bigint,
    lot     bigint,
    at_most integer default 10
)
    returns setof parking.ticket
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.desk(list_activities.actor, list_activities.lot);
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows', format('At most %s vehicles cannot be listed.', coalesce(at_most::text, 'null')));
    end if;
    return query
        select d.id, d.ticket_number, d.lot_id, d.plate, d.vehicle, d.entered_at, d.left_at, d.status, d.minutes, d.amount_cents, d.currency, d.method,
               d.time_zone
        from (
            select t as ticket, t.entered_at, t.id
            from parking.tickets t
            where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id
            order by t.entered_at desc, t.id desc
            limit at_most
        ) n
        cross join lateral parking_private.ticket_details(n.ticket, v_lot.time_zone) d
        order by n.entered_at desc, n.id desc;
end
$$;

comment on function parking.list_activities(bigint, bigint, integer) is
$$The latest vehicles of a garage, with what has become of them; the one that entered last comes first.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage, not-a-number-of-rows.

Example:
    select (parking.enter_garage(parking.find_person('operator@parking.com'), 4, n)).ticket_number from unnest('{B-AB 123,B-AB 124}'::text[]) n;
     ticket_number
    ---------------
     PS-0001
     PS-0002
    (2 rows)

    select ticket_number, plate, status from parking.list_activities(parking.find_person('operator@parking.com'), 4);
     ticket_number | plate  | status
    ---------------+--------+--------
     PS-0002       | BAB124 | open
     PS-0001       | BAB123 | open
    (2 rows)$$;

grant execute on function parking.list_activities(bigint, bigint, integer) to parking_service, parking_dba;


create function parking.overstays(
    actor bigint,
    lot   bigint
)
    returns setof parking.ticket
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot     constant parking.lots := parking_private.desk(overstays.actor, overstays.lot);
    v_now     constant timestamptz := parking.clock();
    v_seconds integer;
begin
    select g.assumed_stay_seconds into strict v_seconds from parking.garages g where g.tenant_id = v_lot.tenant_id and g.lot_id = v_lot.id;
    return query
        select d.id, d.ticket_number, d.lot_id, d.plate, d.vehicle, d.entered_at, d.left_at, d.status, d.minutes, d.amount_cents, d.currency, d.method,
               d.time_zone
        from parking.tickets t
        cross join lateral parking_private.ticket_details(t, v_lot.time_zone) d
        where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id and t.status = 'open' and t.entered_at + make_interval(secs => v_seconds) < v_now
        order by t.entered_at, t.id;
end
$$;

comment on function parking.overstays(bigint, bigint) is
$$Who is inside a garage for longer than a vehicle is assumed to stay, the longest first.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage.

Example:
    select (parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123')).status;
     status
    --------
     open
    (1 row)

    select ticket_number from parking.overstays(parking.find_person('operator@parking.com'), 4);
     ticket_number
    ---------------
    (0 rows)$$;

grant execute on function parking.overstays(bigint, bigint) to parking_service, parking_dba;


create function parking_private.judge_days(
    from_day  date,
    until_day date
)
    returns void
    language plpgsql
    stable
as $$
begin
    if from_day is null or until_day is null or not isfinite(from_day) or not isfinite(until_day) then
        perform parking_private.refuse('not-a-period-of-days', 'A period has a first and a last day.');
    elsif from_day < '2000-01-01' or until_day >= '2200-01-01' then
        perform parking_private.refuse('day-out-of-range', 'Nobody parks then.');
    elsif until_day < from_day or until_day - from_day >= 400 then
        perform parking_private.refuse('not-a-period-of-days', format('From %s to %s are not 1 to 400 days.', from_day, until_day));
    end if;
end
$$;

comment on function parking_private.judge_days(date, date) is 'Refuse what is no period of days, the last one included: not-a-period-of-days, day-out-of-range.';


create function parking_private.reported(
    actor         bigint,
    lot           bigint,
    from_day      date,
    until_day     date,
    out tenant_id bigint,
    out lot_id    bigint,
    out time_zone text,
    out starts    timestamptz,
    out ends      timestamptz
)
    language plpgsql
    volatile
as $$
declare
    v_lot constant parking.lots := parking_private.desk(actor, lot, 'read:analytics');
begin
    perform parking_private.judge_days(from_day, until_day);
    tenant_id := v_lot.tenant_id;
    lot_id := v_lot.id;
    time_zone := v_lot.time_zone;
    starts := parking_private.day_starts(from_day, v_lot.time_zone);
    ends := parking_private.day_starts(until_day + 1, v_lot.time_zone);
end
$$;

comment on function parking_private.reported(bigint, bigint, date, date) is
    'A garage for who may see how it is used, and the days of its clock from one to another, that included, as moments; or the problems of desk() and judge_days().';


create function parking.garage_report(
    actor     bigint,
    lot       bigint,
    from_day  date,
    until_day date
)
    returns table (
        day                  date,
        entered              bigint,
        left_count           bigint,
        lost                 bigint,
        void                 bigint,
        revenue_cents        bigint,
        refunded_cents       bigint,
        currency             text,
        average_stay_seconds bigint,
        average_stay_hours   numeric,
        most_inside          bigint,
        spaces               integer,
        occupied_percent     integer
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_of     constant record := parking_private.reported(garage_report.actor, garage_report.lot, garage_report.from_day, garage_report.until_day);
    v_now    constant timestamptz := parking.clock();
    v_spaces integer;
begin
    select g.spaces into strict v_spaces from parking.garages g where g.tenant_id = v_of.tenant_id and g.lot_id = v_of.lot_id;
    return query
        with days as (
            select garage_report.from_day + n as day,
                   parking_private.day_starts(garage_report.from_day + n, v_of.time_zone) as starts,
                   parking_private.day_starts(garage_report.from_day + n + 1, v_of.time_zone) as ends
            from generate_series(0, garage_report.until_day - garage_report.from_day) n
        ), entries as (
            select (t.entered_at at time zone v_of.time_zone)::date as day, count(*) as vehicles
            from parking.tickets t
            where t.tenant_id = v_of.tenant_id and t.lot_id = v_of.lot_id and t.entered_at >= v_of.starts and t.entered_at < v_of.ends
            group by 1
        ), exits as (
            select (t.left_at at time zone v_of.time_zone)::date as day,
                   count(*) filter (where t.status <> 'void') as vehicles,
                   count(*) filter (where t.status = 'lost') as lost,
                   count(*) filter (where t.status = 'void') as void,
                   avg(extract(epoch from t.left_at - t.entered_at)) filter (where t.status <> 'void') as seconds
            from parking.tickets t
            where t.tenant_id = v_of.tenant_id and t.lot_id = v_of.lot_id and t.left_at >= v_of.starts and t.left_at < v_of.ends
            group by 1
        ), money as (
            select (p.at at time zone v_of.time_zone)::date as day, sum(p.amount_cents)::bigint as cents,
                   (-sum(p.amount_cents) filter (where p.kind = 'refund'))::bigint as refunded, min(p.currency) as currency
            from parking.payments p
            where p.tenant_id = v_of.tenant_id and p.lot_id = v_of.lot_id and p.at >= v_of.starts and p.at < v_of.ends
            group by 1
        ), stays as (
            -- Who was inside at any moment of the period: still is, or left during it or later.
            select t.entered_at, null::timestamptz as left_at
            from parking.tickets t
            where t.tenant_id = v_of.tenant_id and t.lot_id = v_of.lot_id and t.status = 'open' and t.entered_at < v_of.ends
            union all
            select t.entered_at, t.left_at
            from parking.tickets t
            where t.tenant_id = v_of.tenant_id and t.lot_id = v_of.lot_id and t.left_at > v_of.starts and t.status <> 'void' and t.entered_at < v_of.ends
        ), steps as (
            select greatest(s.entered_at, v_of.starts) as at, 1 as step from stays s
            union all
            select s.left_at, -1 from stays s where s.left_at < v_of.ends
        ), levels as (
            select s.at, sum(s.step) over (order by s.at, s.step, s.number rows unbounded preceding) as inside,
                   lead(s.at) over (order by s.at, s.step, s.number) as until
            from (select at, step, row_number() over () as number from steps) s
        ), peaks as (
            select d.day, max(l.inside) as inside,
                   sum(l.inside * extract(epoch from least(coalesce(l.until, v_now), d.ends, v_now) - greatest(l.at, d.starts)))
                       filter (where greatest(l.at, d.starts) < least(coalesce(l.until, v_now), d.ends, v_now)) as seconds
            from days d
            join levels l on l.at < d.ends and coalesce(l.until, 'infinity') > d.starts
            group by d.day
        )
        select d.day, coalesce(e.vehicles, 0), coalesce(x.vehicles, 0), coalesce(x.lost, 0), coalesce(x.void, 0), coalesce(m.cents, 0),
               coalesce(m.refunded, 0), m.currency, x.seconds::bigint,
               parking_private.in_hours(x.seconds), coalesce(p.inside, 0)::bigint, v_spaces,
               case when d.starts < v_now then
                   floor(100 * coalesce(p.seconds, 0) / (v_spaces * extract(epoch from least(d.ends, v_now) - d.starts)))::integer
               end
        from days d
        left join entries e on e.day = d.day
        left join exits x on x.day = d.day
        left join money m on m.day = d.day
        left join peaks p on p.day = d.day
        order by d.day;
end
$$;

comment on function parking.garage_report(bigint, bigint, date, date) is
$$A garage day by day, from a day of its clock to another one, that included: vehicles, money, how long they stayed, how full it was.

revenue_cents is the money that came in less what went out on that day. most_inside are the vehicles with a ticket at the busiest moment of
the day; occupied_percent says how much of its spaces they took on an average of the day, or of what has passed of it, and is null of a day to come. It goes
by the spaces that there are now. At most 400 days.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage, not-a-period-of-days, day-out-of-range.

Example:
    select t.amount_cents
    from parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123') e,
         parking.leave_garage(parking.find_person('operator@parking.com'), e.ticket_number, 'Cash') t;
     amount_cents
    --------------
             1000
    (1 row)

    select entered, left_count, revenue_cents, currency, most_inside
    from parking.garage_report(parking.find_person('operator@parking.com'), 4, 'today', 'today');
     entered | left_count | revenue_cents | currency | most_inside
    ---------+------------+---------------+----------+-------------
           1 |          1 |          1000 | EUR      |           1
    (1 row)$$;

grant execute on function parking.garage_report(bigint, bigint, date, date) to parking_service, parking_dba;


create function parking.stays_by_length(
    actor     bigint,
    lot       bigint,
    from_day  date,
    until_day date
)
    returns table (
        from_minutes  integer,
        until_minutes integer,
        stays         bigint,
        amount_cents  bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_of constant record := parking_private.reported(stays_by_length.actor, stays_by_length.lot, stays_by_length.from_day, stays_by_length.until_day);
begin
    return query
        select b.from_minutes, b.until_minutes, count(t.id), coalesce(sum(t.amount_cents), 0)::bigint
        from (values (0, 30), (30, 60), (60, 120), (120, 240), (240, 480), (480, 1440), (1440, null)) b(from_minutes, until_minutes)
        left join parking.tickets t
            on t.tenant_id = v_of.tenant_id
            and t.lot_id = v_of.lot_id
            and t.status in ('paid', 'lost')
            and t.left_at >= v_of.starts
            and t.left_at < v_of.ends
            and t.left_at - t.entered_at >= make_interval(mins => b.from_minutes)
            and (b.until_minutes is null or t.left_at - t.entered_at < make_interval(mins => b.until_minutes))
        group by b.from_minutes, b.until_minutes
        order by b.from_minutes;
end
$$;

comment on function parking.stays_by_length(bigint, bigint, date, date) is
$$How long those stayed who left a garage from one day to another, that included, and what they have paid, by length: from so many minutes up to, not including, so many.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage, not-a-period-of-days, day-out-of-range.

Example:
    select t.amount_cents
    from parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123') e,
         parking.leave_garage(parking.find_person('operator@parking.com'), e.ticket_number, 'Cash') t;
     amount_cents
    --------------
             1000
    (1 row)

    select from_minutes, until_minutes, stays, amount_cents
    from parking.stays_by_length(parking.find_person('operator@parking.com'), 4, 'today', 'today') where stays > 0;
     from_minutes | until_minutes | stays | amount_cents
    --------------+---------------+-------+--------------
                0 |            30 |     1 |         1000
    (1 row)$$;

grant execute on function parking.stays_by_length(bigint, bigint, date, date) to parking_service, parking_dba;


create function parking.revenue_by_tariff(
    actor     bigint,
    lot       bigint,
    from_day  date,
    until_day date
)
    returns table (
        tariff       text,
        stays        bigint,
        amount_cents bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_of constant record := parking_private.reported(revenue_by_tariff.actor, revenue_by_tariff.lot, revenue_by_tariff.from_day, revenue_by_tariff.until_day);
begin
    return query
        select f.name, count(distinct t.id), sum(i.amount_cents)::bigint
        from parking.tickets t
        join parking.ticket_lines i on i.tenant_id = t.tenant_id and i.ticket_id = t.id
        left join parking.tariffs f on f.tenant_id = i.tenant_id and f.id = i.tariff_id
        where t.tenant_id = v_of.tenant_id
          and t.lot_id = v_of.lot_id
          and t.left_at >= v_of.starts
          and t.left_at < v_of.ends
        group by f.name
        order by f.name nulls last;
end
$$;

comment on function parking.revenue_by_tariff(bigint, bigint, date, date) is
$$What those who left a garage from one day to another, that included, have paid, by the names of the tariffs.

A null name is for what no tariff says by itself: caps and discounts, and what was refunded or corrected since. The amounts add up to those of the tickets.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage, not-a-period-of-days, day-out-of-range.

Example:
    select t.amount_cents
    from parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123') e,
         parking.leave_garage(parking.find_person('operator@parking.com'), e.ticket_number, 'Cash') t;
     amount_cents
    --------------
             1000
    (1 row)

    select tariff, stays, amount_cents from parking.revenue_by_tariff(parking.find_person('operator@parking.com'), 4, 'today', 'today');
      tariff  | stays | amount_cents
    ----------+-------+--------------
     Standard |     1 |         1000
    (1 row)$$;

grant execute on function parking.revenue_by_tariff(bigint, bigint, date, date) to parking_service, parking_dba;


create function parking.list_tickets(
    actor     bigint,
    lot       bigint,
    from_day  date,
    until_day date
)
    returns setof parking.ticket
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_of constant record := parking_private.reported(list_tickets.actor, list_tickets.lot, list_tickets.from_day, list_tickets.until_day);
begin
    return query
        select d.id, d.ticket_number, d.lot_id, d.plate, d.vehicle, d.entered_at, d.left_at, d.status, d.minutes, d.amount_cents, d.currency, d.method,
               d.time_zone
        from parking.tickets t
        cross join lateral parking_private.ticket_details(t, v_of.time_zone) d
        where t.tenant_id = v_of.tenant_id
          and t.lot_id = v_of.lot_id
          and t.entered_at >= v_of.starts
          and t.entered_at < v_of.ends
        order by t.entered_at, t.id;
end
$$;

comment on function parking.list_tickets(bigint, bigint, date, date) is
$$The tickets of the vehicles that entered a garage from one day of its clock to another one, that included, in their order.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage, not-a-period-of-days, day-out-of-range.

Example:
    select (parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123')).ticket_number;
     ticket_number
    ---------------
     PS-0001
    (1 row)

    select ticket_number, plate, status from parking.list_tickets(parking.find_person('operator@parking.com'), 4, 'today', 'today');
     ticket_number | plate  | status
    ---------------+--------+--------
     PS-0001       | BAB123 | open
    (1 row)$$;

grant execute on function parking.list_tickets(bigint, bigint, date, date) to parking_service, parking_dba;

commit;
