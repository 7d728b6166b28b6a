-- Deploy parking:pricing to pg
-- requires: tariffs
-- requires: overriding
--
-- The price of a stay, by the rules that stand at the head of the tariffs. tariff_segments() cuts the stay wherever another
-- tariff may begin to apply or another day begins; quote_lines() walks through the segments, tier by tier, and counts the
-- increments that begin in each by a division, so that a stay of a year takes no longer to price than its changes of tariff take.
--
-- Inside a function that has entered the tenant: quote_lines() for the lines, quote_total() for their sum, and has_tariff()
-- for whether there is a price at all.

begin;

set local role parking_owner;

create function parking_private.clock_changes(
    zone   text,
    starts timestamptz,
    ends   timestamptz
)
    returns setof timestamptz
    language plpgsql
    stable
as $$
declare
    v_day    constant interval := interval '86400 seconds';
    v_sample record;
    v_low    timestamptz;
    v_high   timestamptz;
    v_middle timestamptz;
begin
    for v_sample in
        select s.at, s.shift
        from (
            select m.at, (m.at at time zone zone) - (m.at at time zone 'UTC') as shift,
                   ((m.at + v_day) at time zone zone) - ((m.at + v_day) at time zone 'UTC') as next_shift
            from generate_series(clock_changes.starts, clock_changes.ends, v_day) m(at)
        ) s
        where s.shift <> s.next_shift
    loop
        -- Clocks change at a full second.
        v_low := date_trunc('second', v_sample.at);
        v_high := v_low + v_day + interval '1 second';
        while v_high - v_low > interval '1 second' loop
            v_middle := date_trunc('second', v_low + (v_high - v_low) / 2);
            if (v_middle at time zone zone) - (v_middle at time zone 'UTC') = v_sample.shift then
                v_low := v_middle;
            else
                v_high := v_middle;
            end if;
        end loop;
        return next v_high;
    end loop;
end
$$;

comment on function parking_private.clock_changes(text, timestamptz, timestamptz) is
    'The moments at which the clocks of a time zone change in a period and up to a day after it.';


create function parking_private.passed_for_good(wall timestamp, zone text)
    returns timestamptz
    language plpgsql
    stable
as $$
declare
    -- Of a time that comes twice this is the second one.
    v_at constant timestamptz := passed_for_good.wall at time zone passed_for_good.zone;
begin
    if v_at at time zone zone = wall then
        return v_at;
    end if;
    -- A time that is skipped is passed when the clocks are put forward.
    return (select max(c.at) from parking_private.clock_changes(zone, v_at - interval '86400 seconds', v_at) c(at) where c.at <= v_at);
end
$$;

comment on function parking_private.passed_for_good(timestamp, text) is 'The moment from which on the clocks of a time zone do not show any time before this one.';


create function parking_private.tariffs_in(
    lot       parking.lots,
    starts    timestamptz,
    ends      timestamptz,
    vehicle   text,
    spot_type text
)
    returns setof parking.tariffs
    language plpgsql
    volatile
as $$
begin
    return query
        select t.tenant_id, t.lot_id, t.id, t.name, t.currency, t.priority, t.times, t.first_day, t.last_day, t.vehicle, t.spot_type,
               t.narrowness, t.free_minutes, t.cap_stay_cents, t.cap_day_cents, t.valid_from, t.valid_until
        from parking.tariffs t
        where t.tenant_id = lot.tenant_id
          and t.lot_id = lot.id
          and (t.valid_from <= tariffs_in.starts or t.valid_from < tariffs_in.ends)
          and (t.valid_until is null or t.valid_until > tariffs_in.starts and t.valid_until > t.valid_from)
          and (t.vehicle is null or t.vehicle = lower(btrim(tariffs_in.vehicle)))
          and (t.spot_type is null or t.spot_type = tariffs_in.spot_type);
end
$$;

comment on function parking_private.tariffs_in(parking.lots, timestamptz, timestamptz, text, text) is
    'The tariffs of a lot for such a vehicle and spot that are valid at some moment of a period, whatever their times.';


create function parking_private.has_tariff(
    lot       parking.lots,
    starts    timestamptz,
    ends      timestamptz,
    vehicle   text default null,
    spot_type text default null
)
    returns boolean
    language sql
    volatile
    return exists (select from parking_private.tariffs_in(lot, starts, ends, vehicle, spot_type));

comment on function parking_private.has_tariff(parking.lots, timestamptz, timestamptz, text, text) is
    'Whether quote_lines() knows a price for such a stay.';


create function parking_private.season_passes(
    lot      parking.lots,
    customer bigint,
    plate    text
)
    returns setof parking.concessions
    language plpgsql
    volatile
as $$
begin
    return query
        select c.tenant_id, c.id, c.kind, c.lot_id, c.person_id, c.plate, c.percent, c.valid_from, c.valid_until
        from parking.concessions c
        where c.tenant_id = lot.tenant_id
          and c.kind = 'season-pass'
          and c.lot_id = lot.id
          and (c.person_id = customer or c.plate = upper(regexp_replace(season_passes.plate, '[^[:alnum:]]', '', 'g')));
end
$$;

comment on function parking_private.season_passes(parking.lots, bigint, text) is 'The season passes of a customer or a plate for a lot, of any time.';


create function parking_private.tariff_segments(
    lot       parking.lots,
    starts    timestamptz,
    ends      timestamptz,
    vehicle   text,
    spot_type text,
    customer  bigint,
    plate     text
)
    returns table (
        seg_starts  timestamptz,
        seg_ends    timestamptz,
        day         date,
        tariff      bigint,
        closes      timestamp,
        off_percent integer
    )
    language plpgsql
    volatile
as $$
begin
    return query
        with candidates as materialized (
            select t.id, t.priority, t.narrowness, t.first_day, t.last_day, t.valid_from, t.valid_until
            from parking_private.tariffs_in(tariff_segments.lot, tariff_segments.starts, tariff_segments.ends, tariff_segments.vehicle,
                tariff_segments.spot_type) t
        ), passes as materialized (
            select p.percent, p.valid_from, p.valid_until
            from parking_private.season_passes(tariff_segments.lot, tariff_segments.customer, tariff_segments.plate) p
        ), changes as materialized (
            select c.at from parking_private.clock_changes(lot.time_zone, tariff_segments.starts, tariff_segments.ends) c(at)
        ), shifts as materialized (
            select distinct (m.at at time zone lot.time_zone) - (m.at at time zone 'UTC') as shift
            from (select tariff_segments.starts union all select c.at from changes c) m(at)
        ), days as materialized (
            -- What opened on the day before may still run; and the clocks may go back to the day before.
            select (tariff_segments.starts at time zone lot.time_zone)::date + n as day
            from generate_series(-2, (tariff_segments.ends at time zone lot.time_zone)::date
                - (tariff_segments.starts at time zone lot.time_zone)::date + 1) n
        ), hours as materialized (
            select c.id, w.weekday, w.opens, w.closes
            from candidates c
            join parking.tariff_times w on w.tenant_id = lot.tenant_id and w.tariff_id = c.id
            union all
            select c.id, n, time '00:00', time '24:00'
            from candidates c
            cross join generate_series(1, 7) n
            where not exists (
                select from parking.tariff_times w where w.tenant_id = lot.tenant_id and w.tariff_id = c.id
            )
        ), runs as materialized (
            select h.id, d.day, d.day + h.opens as opens, d.day + (h.closes <= h.opens)::integer + h.closes as closes
            from days d
            join hours h on h.weekday = extract(isodow from d.day)
            join candidates c on c.id = h.id
            where (c.first_day is null or d.day >= c.first_day) and (c.last_day is null or d.day <= c.last_day)
        ), walls as (
            select d.day::timestamp as wall from days d
            union
            select r.opens from runs r
            union
            select r.closes from runs r
        ), cuts as (
            select tariff_segments.starts as at
            union
            select (w.wall - s.shift) at time zone 'UTC' from walls w cross join shifts s
            union
            select c.at from changes c
            union
            select unnest(array[c.valid_from, c.valid_until]) from candidates c
            union
            select unnest(array[p.valid_from, p.valid_until]) from passes p
        ), segments as materialized (
            select c.at as starts, lead(c.at, 1, tariff_segments.ends) over (order by c.at) as ends,
                   c.at at time zone lot.time_zone as wall
            from cuts c
            where c.at >= tariff_segments.starts and c.at < tariff_segments.ends
        ), chosen as (
            -- Of the hours of one tariff that overlap, those that last longest.
            select distinct on (s.starts) s.starts, r.id, r.closes
            from segments s
            cross join generate_series(0, 1) n
            join runs r on r.day = s.wall::date - n and r.opens <= s.wall and r.closes > s.wall
            join candidates c on c.id = r.id and c.valid_from <= s.starts and (c.valid_until is null or c.valid_until > s.starts)
            order by s.starts, c.priority desc, c.narrowness desc, c.id, r.closes desc
        )
        select s.starts, s.ends, s.wall::date, h.id, h.closes,
               coalesce((select max(p.percent) from passes p where p.valid_from <= s.starts and (p.valid_until is null or p.valid_until > s.starts)), 0)
        from segments s
        left join chosen h on h.starts = s.starts
        order by s.starts;
end
$$;

comment on function parking_private.tariff_segments(parking.lots, timestamptz, timestamptz, text, text, bigint, text) is
    'A stay in pieces with one day of the wall clock, one tariff (null: none applies), the wall clock at which its times end, and the percentage that a season pass takes off.';


create function parking_private.money(cents bigint)
    returns text
    language sql
    immutable
    return (cents / 100)::text || '.' || lpad((cents % 100)::text, 2, '0');

comment on function parking_private.money(bigint) is 'An amount that is not below zero, as people read it: 10.00.';


create function parking_private.length_in_words(minutes integer)
    returns text
    language sql
    immutable
    return case
        when minutes = 60 then '1 hour'
        when minutes % 60 = 0 then minutes / 60 || ' hours'
        when minutes = 1 then '1 minute'
        else minutes || ' minutes'
    end;

comment on function parking_private.length_in_words(integer) is 'Minutes as people read them: 1 hour, 90 minutes.';


create function parking_private.increments_in_words(
    quantity  bigint,
    minutes   integer,
    price     bigint,
    off       integer
)
    returns text
    language sql
    immutable
    return case
            when minutes is null then 'flat price ' || parking_private.money(price)
            when minutes = 60 then quantity || ' started ' || case quantity when 1 then 'hour' else 'hours' end || ' at ' || parking_private.money(price)
            else quantity || ' × started ' || parking_private.length_in_words(minutes) || ' at ' || parking_private.money(price)
        end
        || case when off > 0 then ', season pass ' || off || ' % less' else '' end;

comment on function parking_private.increments_in_words(bigint, integer, bigint, integer) is
    'What so many increments cost each: 2 started hours at 10.00.';


create function parking_private.line_in_words(
    kind     text,
    tariff   text,
    day      date,
    minutes  integer,
    quantity numeric,
    price    bigint,
    percent  integer
)
    returns text
    language sql
    stable
    return case kind
        when 'day-cap' then 'Cap of the day ' || to_char(day, 'FMDD FMMonth')
        when 'stay-cap' then 'Cap of the stay'
        when 'discount' then format('Discount %s %%', percent)
        when 'none' then 'Free of charge'
        else tariff || coalesce(to_char(day, '", "FMDD FMMonth'), '') || ': ' || case kind
            when 'free' then format('first %s free', parking_private.length_in_words(minutes))
            else parking_private.increments_in_words(quantity::bigint, minutes, price, percent)
        end
    end;

comment on function parking_private.line_in_words(text, text, date, integer, numeric, bigint, integer) is
    'What a line of a price is for, in English, of what a parking.quote_line says by kind.';


create function parking_private.judge_stay(starts timestamptz, ends timestamptz)
    returns void
    language plpgsql
    stable
as $$
begin
    if starts is null or ends is null then
        perform parking_private.refuse('period-incomplete', 'A stay has a start and an end.');
    elsif ends < starts then
        perform parking_private.refuse('period-backwards', 'A stay ends no sooner than it starts.');
    elsif starts < '2000-01-01 00:00+00' or ends >= '2200-01-01 00:00+00' then
        perform parking_private.refuse('day-out-of-range', 'Nobody parks then.');
    elsif ends - starts > interval '3660 days' then
        perform parking_private.refuse('period-too-long', 'A stay of more than ten years has no price.');
    end if;
end
$$;

comment on function parking_private.judge_stay(timestamptz, timestamptz) is
    'Refuse what is no stay: period-incomplete, period-backwards, day-out-of-range, period-too-long.';


create function parking_private.started_increments(
    period  interval,
    minutes integer
)
    returns bigint
    language sql
    immutable
    return ceil(extract(epoch from period) / (minutes * 60))::bigint;

comment on function parking_private.started_increments(interval, integer) is 'How many increments begin in a period that begins with one.';


create function parking_private.charges(
    lot       parking.lots,
    starts    timestamptz,
    ends      timestamptz,
    vehicle   text,
    spot_type text,
    customer  bigint,
    plate     text
)
    returns table (
        number      integer,
        day         date,
        tariff      bigint,
        kind        text,
        minutes     integer,
        price       bigint,
        off_percent integer,
        quantity    bigint,
        over_day    bigint,
        over_stay   bigint
    )
    language plpgsql
    volatile
as $$
declare
    c_minute  constant interval := interval '60 seconds';
    c_no_cap  constant bigint := 9223372036854775807;
    v_at      timestamptz := charges.starts;
    v_next    timestamptz;
    v_segment record;
    v_tariff  parking.tariffs;
    v_tier    record;
    v_day     date;
    v_today   bigint := 0;
    v_other   date;
    v_spent   bigint := 0;
    v_turn    bigint;
    v_total   bigint := 0;
begin
    number := 0;
    for v_segment in
        select s.seg_ends, s.day, s.tariff, s.closes, s.off_percent
        from parking_private.tariff_segments(lot, starts, ends, vehicle, spot_type, customer, plate) s
        order by s.seg_starts
    loop
        while v_at < v_segment.seg_ends loop
            number := number + 1;
            day := v_segment.day;
            tariff := v_segment.tariff;
            off_percent := v_segment.off_percent;
            quantity := 1;
            minutes := null;
            price := 0;
            if tariff is distinct from v_tariff.id then
                select t.* into v_tariff from parking.tariffs t where t.tenant_id = lot.tenant_id and t.id = v_segment.tariff;
            end if;
            if tariff is null then
                kind := 'none';
                v_next := v_segment.seg_ends;
            elsif v_at < starts + v_tariff.free_minutes * c_minute then
                kind := 'free';
                minutes := v_tariff.free_minutes;
                v_next := starts + v_tariff.free_minutes * c_minute;
            else
                select t.increment_minutes, t.price_cents, n.until into strict v_tier
                from parking.tariff_tiers t
                cross join lateral (
                    select min(m.from_minutes) * c_minute as until
                    from parking.tariff_tiers m
                    where m.tenant_id = t.tenant_id and m.tariff_id = t.tariff_id and m.from_minutes > t.from_minutes
                ) n
                where t.tenant_id = lot.tenant_id and t.tariff_id = v_segment.tariff and starts + t.from_minutes * c_minute <= v_at
                order by t.from_minutes desc
                limit 1;
                price := round(v_tier.price_cents * (100 - off_percent) / 100.0);
                minutes := v_tier.increment_minutes;
                if minutes is null then
                    kind := 'flat';
                    v_next := parking_private.passed_for_good(v_segment.closes, lot.time_zone);
                else
                    kind := 'started';
                    quantity := parking_private.started_increments(least(v_segment.seg_ends, starts + v_tier.until) - v_at, minutes);
                    v_next := v_at + quantity * minutes * c_minute;
                end if;
            end if;

            if day is distinct from v_day then
                -- Where the clocks go back over midnight, the day before comes once more.
                v_turn := case when day = v_other then v_spent else 0 end;
                v_other := v_day;
                v_spent := v_today;
                v_day := day;
                v_today := v_turn;
            end if;
            over_day := greatest(quantity * price - greatest(coalesce(v_tariff.cap_day_cents, c_no_cap) - v_today, 0), 0);
            over_stay := greatest(quantity * price - over_day - greatest(coalesce(v_tariff.cap_stay_cents, c_no_cap) - v_total, 0), 0);
            v_today := v_today + quantity * price - over_day - over_stay;
            v_total := v_total + quantity * price - over_day - over_stay;
            return next;
            v_at := v_next;
        end loop;
    end loop;
end
$$;

comment on function parking_private.charges(parking.lots, timestamptz, timestamptz, text, text, bigint, text) is
    'What a stay is charged, in the order of time: so many increments (kind started), a flat price, free minutes or time without a tariff (none), each with what the caps of the day and of the stay take off.';


create function parking_private.quote_lines(
    lot       parking.lots,
    starts    timestamptz,
    ends      timestamptz,
    vehicle   text default null,
    spot_type text default null,
    customer  bigint default null,
    plate     text default null
)
    returns setof parking.quote_line
    language plpgsql
    volatile
as $$
declare
    v_currency text;
    v_discount integer;
begin
    perform parking_private.judge_stay(starts, ends);
    select t.currency into v_currency from parking_private.tariffs_in(lot, starts, ends, vehicle, spot_type) t limit 1;
    if not found then
        perform parking_private.refuse('no-tariff', format('%s has no price for this stay.', lot.name));
    end if;
    select max(c.percent) into v_discount
    from parking.concessions c
    where c.tenant_id = lot.tenant_id
      and c.kind = 'discount'
      and c.person_id = customer
      and (c.lot_id is null or c.lot_id = lot.id)
      and c.valid_from <= quote_lines.starts
      and (c.valid_until is null or c.valid_until > quote_lines.starts);

    return query
        with charges as materialized (
            select c.number, case when c.kind <> 'none' then c.day end as day, c.tariff, c.kind, c.minutes, c.price, c.off_percent, c.quantity,
                   c.over_day, c.over_stay
            from parking_private.charges(lot, starts, ends, vehicle, spot_type, customer, plate) c
        ), days as (
            select count(distinct c.day) > 1 as several from charges c
        ), runs as (
            -- Neighbours of a kind share this difference.
            select c.number, c.day, c.tariff, c.kind, c.minutes, c.price, c.off_percent, c.quantity,
                   c.number - row_number() over (partition by c.day, c.tariff, c.kind, c.minutes, c.price, c.off_percent order by c.number) as run
            from charges c
        ), lines as (
            select max(r.number) as place, 1 as step, r.kind, t.name as named, case when d.several and r.kind <> 'none' then r.day end as day,
                   r.minutes, case when r.kind in ('started', 'flat') then nullif(r.off_percent, 0) end as percent,
                   case when r.kind in ('none', 'free') then 1 else sum(r.quantity) end as quantity,
                   r.price as unit, r.tariff
            from runs r
            cross join days d
            left join parking.tariffs t on t.tenant_id = lot.tenant_id and t.id = r.tariff
            group by t.name, d.several, r.day, r.tariff, r.kind, r.minutes, r.price, r.off_percent, r.run
            union all
            select max(c.number), 2, 'day-cap', null, c.day, null::integer, null::integer, 1, -sum(c.over_day)::bigint, null
            from charges c
            group by c.day
            having sum(c.over_day) > 0
            union all
            select max(c.number), 3, 'stay-cap', null, null, null, null, 1, -sum(c.over_stay)::bigint, null
            from charges c
            having sum(c.over_stay) > 0
        ), with_discount as (
            select l.place, l.step, l.kind, l.named, l.day, l.minutes, l.percent, l.quantity, l.unit, l.tariff from lines l
            union all
            select max(l.place), 4, 'discount', null, null, null, v_discount, 1, -round(sum(l.quantity * l.unit) * v_discount / 100)::bigint, null
            from lines l
            having round(sum(l.quantity * l.unit) * v_discount / 100) > 0
        )
        select (row_number() over (order by w.place, w.step))::integer,
               parking_private.line_in_words(w.kind, w.named, w.day, w.minutes, w.quantity, w.unit, w.percent),
               w.quantity, w.unit, (w.quantity * w.unit)::bigint, v_currency, w.tariff, w.kind, w.named, w.day, w.minutes, w.percent
        from with_discount w
        order by w.place, w.step;
end
$$;

comment on function parking_private.quote_lines(parking.lots, timestamptz, timestamptz, text, text, bigint, text) is
    'The lines of parking.quote(), for a function that has entered the lot''s tenant; customer and plate are believed.';


create function parking_private.quote_total(
    lot       parking.lots,
    starts    timestamptz,
    ends      timestamptz,
    vehicle   text default null,
    spot_type text default null,
    customer  bigint default null,
    plate     text default null
)
    returns bigint
    language plpgsql
    volatile
as $$
begin
    return (
        select coalesce(sum(l.amount_cents), 0)::bigint
        from parking_private.quote_lines(lot, starts, ends, vehicle, spot_type, customer, plate) l
    );
end
$$;

comment on function parking_private.quote_total(parking.lots, timestamptz, timestamptz, text, text, bigint, text) is
    'The sum of quote_lines(), in cents; or its problems, no-tariff among them, which has_tariff() foretells.';


create function parking_private.quote_for(
    lot          parking.lots,
    customer     bigint,
    spot_type    text,
    starts       timestamptz,
    ends         timestamptz,
    out cents    bigint,
    out currency text
)
    language plpgsql
    volatile
as $$
begin
    if parking_private.has_tariff(lot, starts, ends, null, spot_type) then
        select sum(l.amount_cents), min(l.currency) into strict quote_for.cents, quote_for.currency
        from parking_private.quote_lines(lot, starts, ends, null, spot_type, customer) l;
    end if;
end
$$;

comment on function parking_private.quote_for(parking.lots, bigint, text, timestamptz, timestamptz) is
    'What a booking of this customer''s costs, for a function that has entered the lot''s tenant; null: no tariff knows a price.';


create function parking_private.quote_booking(
    person       parking.people,
    lot          bigint,
    spot_type    text,
    starts       timestamptz,
    ends         timestamptz,
    out cents    bigint,
    out currency text
)
    language plpgsql
    volatile
as $$
declare
    v_lot parking.lots;
begin
    select l.* into strict v_lot from parking.lots l where l.tenant_id = person.tenant_id and l.id = quote_booking.lot;
    select q.cents, q.currency into strict quote_booking.cents, quote_booking.currency
    from parking_private.quote_for(v_lot, person.id, spot_type, starts, ends) q;
end
$$;

comment on function parking_private.quote_booking(parking.people, bigint, text, timestamptz, timestamptz) is
    'What a booking of this person costs, as it is kept with the booking; null: no tariff knows a price.';


create function parking.quote(
    lot       bigint,
    starts    timestamptz,
    ends      timestamptz,
    vehicle   text default null,
    spot_type text default null,
    customer  bigint default null,
    actor     bigint default null,
    plate     text default null
)
    returns setof parking.quote_line
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot constant parking.lots := parking_private.enter_lot(lot, 'default', actor);
begin
    -- Who pays less is nobody else's business.
    if (plate is not null or customer is not null and customer is distinct from actor)
        and not parking_private.knows_reasons(actor, v_lot.tenant_id)
    then
        perform parking_private.refuse('not-permitted', 'Only those who run lots may ask what another customer or a plate pays.');
    end if;
    return query
        select l.position, l.line, l.quantity, l.unit_cents, l.amount_cents, l.currency, l.tariff_id, l.kind, l.tariff, l.day, l.minutes, l.percent
        from parking_private.quote_lines(v_lot, starts, ends, vehicle, spot_type, coalesce(customer, actor), plate) l
        order by l.position;
end
$$;

comment on function parking.quote(bigint, timestamptz, timestamptz, text, text, bigint, bigint, text) is
$$What a stay in a lot costs: lines whose amounts add up to the price. Amounts are in hundredths of the currency.

Started increments are paid, from the beginning of the stay. The price is that for the customer, who is the actor unless
somebody who runs lots, or a DBA, names another one, or a plate. The tariffs are explained where they are declared, in db/deploy/tariffs.sql.

Problems: unknown-lot, not-permitted, no-tariff, period-incomplete, period-backwards, day-out-of-range, period-too-long.

Example:
    select name from parking.set_tariff(parking.find_person('operator@parking.com'), 1, 'Standard', price_cents => 1000, cap_day_cents => 2500);
       name
    ----------
     Standard
    (1 row)

    select line, quantity, unit_cents, amount_cents from parking.quote(1, '2030-11-25 08:00', '2030-11-25 11:30');
                    line                | quantity | unit_cents | amount_cents
    ------------------------------------+----------+------------+--------------
     Standard: 4 started hours at 10.00 |        4 |       1000 |         4000
     Cap of the day 25 November         |        1 |      -1500 |        -1500
    (2 rows)$$;

grant execute on function parking.quote(bigint, timestamptz, timestamptz, text, text, bigint, bigint, text) to parking_service, parking_dba;


create function parking.slot_prices(
    lot       bigint,
    day       date,
    actor     bigint default null,
    spot_type text default null
)
    returns table (
        slot        text,
        starts      timestamptz,
        ends        timestamptz,
        least_cents bigint,
        most_cents  bigint,
        currency    text
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.enter_lot(slot_prices.lot, 'default', slot_prices.actor);
    v_now constant timestamptz := parking.clock();
begin
    perform parking_private.require_day(slot_prices.day);
    if not v_lot.priced then
        return;
    end if;
    return query
        with types as materialized (
            select slot_prices.spot_type as type
            where slot_prices.spot_type is not null
            union all
            -- Of those that no tariff names all cost the same, and regular ones stand for them.
            select n.type
            from unnest('{regular,handicap,compact,ev}'::text[]) n(type)
            where slot_prices.spot_type is null
              and (n.type = 'regular' or exists (
                select from parking.tariffs f where f.tenant_id = v_lot.tenant_id and f.lot_id = v_lot.id and f.spot_type = n.type
              ))
        )
        select s.label, s.starts, s.ends, min(q.cents), max(q.cents), min(q.currency)
        from parking_private.slots_on(v_lot, slot_prices.day) s
        cross join types t
        cross join lateral parking_private.quote_for(v_lot, slot_prices.actor, t.type, s.starts, s.ends) q
        where s.ends > v_now and q.cents is not null
        group by s.label, s.starts, s.ends
        order by s.starts;
end
$$;

comment on function parking.slot_prices(bigint, date, bigint, text) is
$$What the time slots of a day that are not over cost in a lot, for the actor: the least and the most among its types of spot, or on spots of one type.

A slot for which no tariff knows a price is left out.

Problems: unknown-lot, day-out-of-range.

Example:
    select name from parking.set_tariff(parking.find_person('operator@parking.com'), 1, 'Standard', price_cents => 1000);
       name
    ----------
     Standard
    (1 row)

    select slot, least_cents, most_cents, currency from parking.slot_prices(1, '2030-11-25');
     slot  | least_cents | most_cents | currency
    -------+-------------+------------+----------
     08–12 |        4000 |       4000 | EUR
     12–16 |        4000 |       4000 | EUR
     16–20 |        4000 |       4000 | EUR
    (3 rows)$$;

grant execute on function parking.slot_prices(bigint, date, bigint, text) to parking_service, parking_dba;

commit;
