-- A city and its history, made up: schema bench of a database that has been deployed and seeded. Every row goes through the
-- real tables, with their keys, checks, constraints and indexes; nothing is switched off.
--
-- The moment at which everything is measured is a Tuesday at ten; parking.clock() is set to it. The first day that is
-- filled lies ahead, then come the present day and the past, one day after the other, so that a city of 10 thousand
-- reservations and one of 10 million have the very same bookings now and to come, and differ in what lies behind.
--
-- Each day is one transaction, and writes itself down in bench.days: whoever is interrupted goes on where it was.

create schema bench;

create table bench.city (
    one      boolean     primary key default true check (one),
    now      timestamptz not null,
    per_day  integer     not null,
    tenant   bigint      not null
);

-- Uneven, as cities are: the largest lot of a thousand has a hundred times the business of the smallest.
create table bench.lots (
    lot        bigint           primary key,
    first_spot bigint           not null,
    spots      integer          not null,
    share      double precision not null
);

create table bench.drivers (
    number integer primary key,
    person bigint  not null
);

create table bench.days (
    day          date    primary key,
    reservations integer not null
);


create function bench.found_city(now timestamptz, per_day integer)
    returns void
    language sql
as $$
    insert into bench.city (now, per_day, tenant)
    select found_city.now, found_city.per_day, t.id from parking.tenants t where t.slug = 'default';
$$;


create function bench.build_lots(first integer, last integer, spots integer)
    returns void
    language plpgsql
as $$
declare
    v_tenant constant bigint := (select c.tenant from bench.city c);
begin
    insert into parking.lots (tenant_id, name, address, time_zone)
    select v_tenant, 'City lot ' || n, n || ' Main Street', 'Europe/Berlin' from generate_series(first, last) n order by n;
    insert into parking.floors (tenant_id, lot_id, name, position)
    select l.tenant_id, l.id, 'Level ' || n, n
    from parking.lots l, generate_series(1, 2) n
    where l.tenant_id = v_tenant and l.name in (select 'City lot ' || n from generate_series(first, last) n)
    order by l.id, n;
    insert into parking.rows (tenant_id, lot_id, floor_id, name, position)
    select f.tenant_id, f.lot_id, f.id, 'Row ' || n, n
    from parking.floors f
    join parking.lots l on l.tenant_id = f.tenant_id and l.id = f.lot_id
    cross join generate_series(1, 10) n
    where l.tenant_id = v_tenant and l.name in (select 'City lot ' || n from generate_series(first, last) n)
    order by f.lot_id, f.id, n;
    insert into parking.spots (tenant_id, lot_id, row_id, name, type, position)
    select w.tenant_id, w.lot_id, w.id, format('%s-%s', w.place, n), case w.place % 20 when 1 then 'handicap' when 2 then 'ev' else 'regular' end, n
    from (
        select w.tenant_id, w.lot_id, w.id, row_number() over (partition by w.lot_id order by w.id) as place
        from parking.rows w
        join parking.lots l on l.tenant_id = w.tenant_id and l.id = w.lot_id
        where l.tenant_id = v_tenant and l.name in (select 'City lot ' || n from generate_series(first, last) n)
    ) w
    cross join generate_series(1, greatest(1, build_lots.spots / 20)) n
    order by w.lot_id, w.id, n;
    insert into parking.time_slots (tenant_id, lot_id, starts, ends)
    select l.tenant_id, l.id, h.starts, h.starts + interval '4 hours'
    from parking.lots l, (values (time '08:00'), ('12:00'), ('16:00')) h(starts)
    where l.tenant_id = v_tenant and l.name in (select 'City lot ' || n from generate_series(first, last) n);
    -- Their numbers follow one another within a lot, because nobody else builds here.
    insert into bench.lots (lot, first_spot, spots, share)
    select s.lot_id, min(s.id), count(*), power(split_part(l.name, ' ', 3)::integer, -0.8)
    from parking.spots s
    join parking.lots l on l.tenant_id = s.tenant_id and l.id = s.lot_id
    where l.tenant_id = v_tenant and l.name in (select 'City lot ' || n from generate_series(first, last) n)
    group by s.lot_id, l.name;
end
$$;


create function bench.settle_drivers(first integer, last integer)
    returns void
    language sql
as $$
    with people as (
        insert into parking.people (tenant_id, email, display_name)
        select c.tenant, format('driver%s@city.example', n), 'Driver ' || n from bench.city c, generate_series(first, last) n
        returning tenant_id, id, email
    ), members as (
        insert into parking.memberships (tenant_id, person_id, role) select p.tenant_id, p.id, 'driver' from people p
    )
    insert into bench.drivers (number, person)
    select substring(p.email from '[0-9]+')::integer, p.id from people p;
$$;


-- A lot's day is cut into four: the morning, noon, the afternoon and the evening. A third of the spots is let to
-- commuters for the day, on weekdays; the rest by the hour.
create function bench.fill_day(day date, wanted integer, at_most integer)
    returns integer
    language plpgsql
as $$
declare
    c        constant bench.city := (select c from bench.city c);
    v_week   constant integer := extract(isodow from day);
    v_midnight constant timestamptz := day::timestamp at time zone 'Europe/Berlin';
    v_count  integer;
begin
    perform setseed((day - '2020-01-01') % 1000 / 1000.0);
    create temporary table made on commit drop as
    with chosen as materialized (
        -- 1597 is prime, so each cell comes up once at most.
        select l.lot, l.first_spot + k.cell / 4 as spot, (k.cell % 4)::integer as part, (k.cell / 4) % 3 = 0 and v_week <= 5 as commuter,
               random() as a, random() as b, random() as d, random() as e, random() as f, random() as g, random() as h
        from (select l.lot, l.first_spot, l.spots, l.share / sum(l.share) over () as share from bench.lots l) l
        cross join lateral (
            select ((n * 1597::bigint + l.lot * 7 + (day - '2020-01-01') * 13) % (l.spots * 4)) as cell
            from generate_series(0, least(l.spots * 4 - 1, floor(wanted * l.share * case when v_week > 5 then 1.6 else 1.76 end + random())::integer - 1)) n
        ) k
        where (l.spots * 4) % 1597 <> 0
    ), periods as (
        select x.lot, x.spot, x.d, x.e, x.f, x.g, x.h,
               v_midnight + make_interval(mins => 15 * floor(4 * case
                   when x.commuter then 7 + x.a + x.b  -- by nine everybody is at work
                   when x.part = 0 then 6 + (x.a + x.b) * 1.4
                   when x.part = 1 then 10.5 + x.a * 1.5
                   when x.part = 2 then 14 + x.a * 2
                   else 18 + (x.a + x.b)
               end)::integer) as starts,
               make_interval(mins => 15 * (case when x.commuter then 30 + floor(6 * x.d) else 2 + floor(6 * x.d) end)::integer) as length
        from chosen x
        where case
            when x.commuter then x.part = 0
            when v_week > 5 then x.e < (array[0.3, 0.9, 0.8, 0.5])[x.part + 1]
            else x.e < (array[0.9, 0.6, 0.8, 0.6])[x.part + 1]
        end
    )
    select p.lot, p.spot, u.person, p.starts, p.starts + p.length as ends, o.outcome,
           least(p.starts, c.now) - make_interval(secs => case when p.e < 0.25 then 60 + 7000 * p.d else 7200 + 1200000 * p.d * p.f end) as booked_at,
           case o.outcome
               when 'completed' then p.starts + p.length - make_interval(secs => 1 + 1700 * p.d)
               when 'released' then p.starts + p.length + make_interval(secs => 60 * p.f)
               when 'cancelled' then p.starts - make_interval(secs => 50 * p.d + 1)
           end as ended_at,
           case when p.f < 0.5 then gen_random_uuid()::text end as request_id
    from periods p
    cross join lateral (
        select case
            when p.starts + p.length + interval '1 minute' > c.now then 'active'
            when p.h < 0.05 then 'cancelled'
            when p.h < 0.17 then 'released'
            else 'completed'
        end as outcome
    ) o
    join bench.drivers u on u.number = 1 + floor((select count(*) from bench.drivers) * power(p.g, 1.3))::integer
    limit at_most;

    with inserted as (
        insert into parking.reservations as r
            (tenant_id, lot_id, spot_id, person_id, starts, ends, status, booked_at, ended_at, request_id, requested)
        select c.tenant, m.lot, m.spot, m.person, m.starts, m.ends,
               case m.outcome when 'released' then 'completed' else m.outcome end,
               m.booked_at, m.ended_at, m.request_id, case when m.request_id is not null then tstzrange(m.starts, m.ends) end
        from made m
        order by m.booked_at
        returning r.tenant_id, r.id, r.lot_id, r.spot_id, r.person_id, r.starts, r.ends, r.status, r.booked_at, r.ended_at
    ), happened as (
        select 'booked' as type, i.booked_at as at, i.tenant_id, i.id, i.lot_id, i.spot_id, i.person_id, i.starts, i.ends
        from inserted i
        union all
        select case when i.status = 'completed' and i.ended_at >= i.ends then 'released' else i.status end, i.ended_at,
               i.tenant_id, i.id, i.lot_id, i.spot_id, case when i.ended_at >= i.ends then null else i.person_id end, i.starts, i.ends
        from inserted i
        where i.status <> 'active'
    )
    insert into parking.events (tenant_id, epoch, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at)
    select h.tenant_id, l.epoch, h.type, h.lot_id, h.spot_id, h.id, h.person_id, h.starts, h.ends, h.at
    from happened h, parking_private.event_log l
    order by h.at;

    select count(*) into v_count from made;
    insert into bench.days (day, reservations) values (fill_day.day, v_count);
    return v_count;
end
$$;
