-- Deploy parking:setting_tariffs to pg
-- requires: pricing
-- requires: building
--
-- How tariffs come into force and end. Nothing that a stay up to now was priced by is ever changed: a tariff of the same name ends where the new
-- one begins, and that is now or later. Whoever sets one holds the lot, as those who build on it do, so that two who set
-- tariffs at once know of each other.

begin;

set local role parking_owner;

create function parking_private.require_tariff(tariff parking.tariffs, now timestamptz)
    returns void
    language plpgsql
    stable
as $$
declare
    v_fault text;
begin
    perform parking_private.require_name('tariff', tariff.name);
    v_fault := case
        when tariff.priority is null or abs(tariff.priority) > 1000 then 'A priority lies between -1000 and 1000.'
        when tariff.currency !~ '^[A-Z]{3}$' then 'A currency has three capital letters, as in ISO 4217.'
        when tariff.times is null or length(tariff.times) > 1000 then 'Times are those of a week, or 24/7.'
        when tariff.vehicle !~ '\S' or length(tariff.vehicle) > 50 then 'A kind of vehicle has 1 to 50 characters.'
        when tariff.first_day > tariff.last_day or tariff.first_day < '2000-01-01' or tariff.last_day >= '2200-01-01' then
            'The last day is the first one or a later one, between the years 2000 and 2199.'
        when tariff.free_minutes is null or tariff.free_minutes < 0 or tariff.free_minutes > 10080 then 'A week at most is free.'
        when least(tariff.cap_stay_cents, tariff.cap_day_cents) < 0 or greatest(tariff.cap_stay_cents, tariff.cap_day_cents) > 100000000 then
            'A cap lies between nothing and a million.'
        when tariff.valid_from < now then 'What has been charged cannot be changed: a tariff begins now or later.'
        when tariff.valid_from < '2000-01-01 00:00+00' or greatest(tariff.valid_from, tariff.valid_until) >= '2200-01-01 00:00+00' then
            'A tariff is valid between the years 2000 and 2199.'
        when tariff.valid_until <= tariff.valid_from then 'A tariff ends after it begins.'
    end;
    if v_fault is not null then
        perform parking_private.refuse('not-a-tariff', v_fault);
    end if;
    perform parking_private.require_spot_kind(coalesce(tariff.spot_type, 'regular'), null, null);
end
$$;

comment on function parking_private.require_tariff(parking.tariffs, timestamptz) is
    'Refuse what no tariff can say; its tiers and its times are looked at elsewhere.';


create function parking_private.is_whole_number(
    part jsonb,
    low  integer,
    high integer
)
    returns boolean
    language plpgsql
    immutable
as $$
begin
    -- Digits only, so that 60.0 and 6e1 are refused rather than read.
    return coalesce(jsonb_typeof(part) = 'number' and part::text ~ '^\d{1,9}$' and part::text::integer >= low
        and part::text::integer <= high, false);
end
$$;

comment on function parking_private.is_whole_number(jsonb, integer, integer) is 'Whether a member of an object is there, and is such a number.';


create function parking_private.read_tiers(tiers jsonb)
    returns table (
        from_minutes      integer,
        increment_minutes integer,
        price_cents       bigint
    )
    language plpgsql
    stable
as $$
declare
    v_tier jsonb;
    v_from integer := -1;
begin
    if jsonb_typeof(tiers) is distinct from 'array' or jsonb_array_length(tiers) not between 1 and 100 then
        perform parking_private.refuse('not-a-tariff', 'A tariff has a list of 1 to 100 tiers, or one price.');
    end if;
    for v_tier in select t.item from jsonb_array_elements(tiers) t(item) loop
        if jsonb_typeof(v_tier) <> 'object'
            or v_tier - '{from_minutes,increment_minutes,price_cents}'::text[] <> '{}'
            or not parking_private.is_whole_number(v_tier -> 'from_minutes', 0, 525600)
            or not parking_private.is_whole_number(v_tier -> 'price_cents', 0, 100000000)
            or not parking_private.is_whole_number(coalesce(nullif(v_tier -> 'increment_minutes', 'null'), '1'), 1, 10080)
        then
            perform parking_private.refuse('not-a-tariff', 'A tier has from_minutes, price_cents, and increment_minutes unless its price is flat.');
        end if;
        if (v_tier ->> 'from_minutes')::integer <= v_from or v_from = -1 and v_tier ->> 'from_minutes' <> '0' then
            perform parking_private.refuse('not-a-tariff', 'The first tier is from 0 minutes, and each of the others from more than the one before.');
        end if;
        from_minutes := (v_tier ->> 'from_minutes')::integer;
        increment_minutes := (v_tier ->> 'increment_minutes')::integer;
        price_cents := (v_tier ->> 'price_cents')::bigint;
        v_from := from_minutes;
        return next;
    end loop;
end
$$;

comment on function parking_private.read_tiers(jsonb) is 'The tiers of a tariff, in the order of the lengths from which they apply.';


create function parking_private.days_of_tariff(tariff parking.tariffs, zone text)
    returns daterange
    language plpgsql
    stable
as $$
begin
    return daterange(tariff.first_day, tariff.last_day, '[]')
        -- A day more at both ends: hours may go over midnight.
        * daterange((tariff.valid_from at time zone zone)::date - 1, (tariff.valid_until at time zone zone)::date + 1, '[]');
end
$$;

comment on function parking_private.days_of_tariff(parking.tariffs, text) is 'The days on which the times of a tariff may open.';


create function parking_private.require_unambiguous(lot parking.lots, tariff parking.tariffs)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_days  constant daterange := parking_private.days_of_tariff(tariff, lot.time_zone);
    v_clash record;
begin
    with rivals as (
        select o.id, o.name, parking_private.days_of_tariff(o, lot.time_zone) as days
        from parking.tariffs o
        where o.tenant_id = lot.tenant_id
          and o.lot_id = lot.id
          and o.id <> tariff.id
          and o.priority = tariff.priority
          and o.narrowness = tariff.narrowness
          and (o.vehicle is null or tariff.vehicle is null or o.vehicle = tariff.vehicle)
          and (o.spot_type is null or tariff.spot_type is null or o.spot_type = tariff.spot_type)
          and o.valid_from < coalesce(tariff.valid_until, 'infinity')
          and tariff.valid_from < coalesce(o.valid_until, 'infinity')
          and (o.valid_until is null or o.valid_from < o.valid_until)
    ), candidates as (
        -- Two weeks of the days that both have, and a day before, show every weekday with the one before and the one after it.
        select r.id, r.name, r.days, d.first + n as day
        from rivals r
        cross join lateral (select greatest(lower(r.days), lower(v_days)) - 1 as first) d
        cross join generate_series(0, 15) n
    ), hours as (
        select c.id, c.name, c.day + w.opens as opens, c.day + (w.closes <= w.opens)::integer + w.closes as closes, w.side
        from candidates c
        cross join lateral (
            select t.weekday, t.opens, t.closes, t.tariff_id = tariff.id as side
            from parking.tariff_times t
            where t.tenant_id = lot.tenant_id and t.tariff_id in (c.id, tariff.id)
            union all
            select extract(isodow from c.day), '00:00', '24:00', s.id = tariff.id
            from (values (c.id), (tariff.id)) s(id)
            where not exists (select from parking.tariff_times t where t.tenant_id = lot.tenant_id and t.tariff_id = s.id)
        ) w
        where w.weekday = extract(isodow from c.day) and case when w.side then v_days else c.days end @> c.day
    )
    select a.name, greatest(a.opens, b.opens) as at into v_clash
    from hours a
    join hours b on b.id = a.id and a.opens < b.closes and b.opens < a.closes
    where b.side and not a.side
    order by 2
    limit 1;
    if found then
        perform parking_private.refuse('tariffs-collide', format('On %s, %s and %s would both apply.',
            to_char(v_clash.at, 'FMDD FMMonth YYYY, HH24:MI'), tariff.name, v_clash.name));
    end if;
end
$$;

comment on function parking_private.require_unambiguous(parking.lots, parking.tariffs) is
    'Refuse a tariff that may apply at the same moment as another one of the same priority and narrowness: tariffs-collide.';


create function parking_private.tariff_details(lot parking.lots, tariff bigint)
    returns parking.tariff_details
    language sql
    volatile
begin atomic
    select t.id, t.lot_id, t.name, t.currency, t.priority, t.times, t.first_day, t.last_day, t.vehicle, t.spot_type, t.free_minutes,
        (select jsonb_agg(jsonb_build_object('from_minutes', i.from_minutes, 'increment_minutes', i.increment_minutes, 'price_cents', i.price_cents)
                order by i.from_minutes)
         from parking.tariff_tiers i where i.tenant_id = t.tenant_id and i.tariff_id = t.id),
        t.cap_stay_cents, t.cap_day_cents, t.valid_from, t.valid_until, (tariff_details.lot).time_zone
    from parking.tariffs t
    where t.tenant_id = (tariff_details.lot).tenant_id and t.id = tariff_details.tariff;
end;

comment on function parking_private.tariff_details(parking.lots, bigint) is 'A tariff as the functions return it.';


create function parking.set_tariff(
    actor             bigint,
    lot               bigint,
    name              text,
    price_cents       bigint default null,
    increment_minutes integer default 60,
    flat_cents        bigint default null,
    tiers             jsonb default null,
    free_minutes      integer default 0,
    cap_stay_cents    bigint default null,
    cap_day_cents     bigint default null,
    times             text default '24/7',
    first_day         date default null,
    last_day          date default null,
    vehicle           text default null,
    spot_type         text default null,
    priority          integer default 0,
    currency          text default null,
    valid_from        timestamptz default null,
    valid_until       timestamptz default null
)
    returns parking.tariff_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot    constant parking.lots := parking_private.hold_lot(actor, lot);
    v_now    constant timestamptz := parking.clock();
    v_tiers  jsonb := tiers;
    v_tariff parking.tariffs;
begin
    if num_nonnulls(price_cents, flat_cents, tiers) <> 1 then
        perform parking_private.refuse('not-a-tariff', 'A tariff has a price for each increment, or a flat price, or tiers.');
    elsif price_cents is not null then
        v_tiers := jsonb_build_array(jsonb_build_object('from_minutes', 0, 'increment_minutes', coalesce(increment_minutes, 0), 'price_cents', price_cents));
    elsif flat_cents is not null then
        v_tiers := jsonb_build_array(jsonb_build_object('from_minutes', 0, 'price_cents', flat_cents));
    end if;
    v_tariff.tenant_id := v_lot.tenant_id;
    v_tariff.lot_id := v_lot.id;
    v_tariff.name := set_tariff.name;
    v_tariff.currency := coalesce(set_tariff.currency, (
        select t.currency from parking.tariffs t where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id limit 1), 'EUR');
    v_tariff.priority := set_tariff.priority;
    v_tariff.times := btrim(set_tariff.times);
    v_tariff.first_day := set_tariff.first_day;
    v_tariff.last_day := set_tariff.last_day;
    v_tariff.vehicle := lower(btrim(set_tariff.vehicle));
    v_tariff.spot_type := set_tariff.spot_type;
    v_tariff.free_minutes := set_tariff.free_minutes;
    v_tariff.cap_stay_cents := set_tariff.cap_stay_cents;
    v_tariff.cap_day_cents := set_tariff.cap_day_cents;
    v_tariff.valid_from := coalesce(set_tariff.valid_from, v_now);
    v_tariff.valid_until := set_tariff.valid_until;
    perform parking_private.require_tariff(v_tariff, v_now);
    if exists (select from parking.tariffs t where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id and t.currency <> v_tariff.currency) then
        perform parking_private.refuse('not-a-tariff', 'A lot has one currency, and this one has another.');
    end if;

    update parking.tariffs t
    set valid_until = greatest(t.valid_from, v_tariff.valid_from)
    where t.tenant_id = v_lot.tenant_id
      and t.lot_id = v_lot.id
      and lower(t.name) = lower(v_tariff.name)
      and (t.valid_until is null or t.valid_until > v_tariff.valid_from);
    insert into parking.tariffs as t (tenant_id, lot_id, name, currency, priority, times, first_day, last_day, vehicle, spot_type, free_minutes,
        cap_stay_cents, cap_day_cents, valid_from, valid_until)
    values (v_tariff.tenant_id, v_tariff.lot_id, v_tariff.name, v_tariff.currency, v_tariff.priority, v_tariff.times, v_tariff.first_day,
        v_tariff.last_day, v_tariff.vehicle, v_tariff.spot_type, v_tariff.free_minutes, v_tariff.cap_stay_cents, v_tariff.cap_day_cents,
        v_tariff.valid_from, v_tariff.valid_until)
    returning t.id, t.narrowness into v_tariff.id, v_tariff.narrowness;
    insert into parking.tariff_times (tenant_id, tariff_id, weekday, opens, closes)
    select v_lot.tenant_id, v_tariff.id, w.weekday, w.opens, w.closes from parking_private.read_week(v_tariff.times) w;
    insert into parking.tariff_tiers (tenant_id, tariff_id, from_minutes, increment_minutes, price_cents)
    select v_lot.tenant_id, v_tariff.id, i.from_minutes, i.increment_minutes, i.price_cents from parking_private.read_tiers(v_tiers) i;
    perform parking_private.require_unambiguous(v_lot, v_tariff);
    update parking.lots l set priced = true where l.tenant_id = v_lot.tenant_id and l.id = v_lot.id and not l.priced;

    perform parking_private.audit(actor, 'tariff.set', 'tariff', v_tariff.id, jsonb_build_object('lot', v_lot.id, 'name', v_tariff.name,
        'tiers', v_tiers, 'valid_from', v_tariff.valid_from, 'valid_until', v_tariff.valid_until));
    return parking_private.tariff_details(v_lot, v_tariff.id);
end
$$;

comment on function parking.set_tariff(bigint, bigint, text, bigint, integer, bigint, jsonb, integer, bigint, bigint, text, date, date, text, text, integer,
    text, timestamptz, timestamptz) is
$$Set a tariff of a lot from a moment on, now unless it is told; the one of this name that was valid until then ends there. Returns it.

It has a price_cents for each started increment, or flat_cents for as long as its times, or the day, last, or tiers, such as
[{"from_minutes": 0, "price_cents": 300, "increment_minutes": 60}, {"from_minutes": 120, "price_cents": 500}]; one without
increment_minutes is flat. Of several that apply the one with the highest priority counts, then the one that names
the most of vehicle, spot_type, dates and times. The currency is that of the lot's other tariffs, or EUR.

Problems: unknown-actor, not-permitted, unknown-lot, not-a-name, not-a-tariff, not-hours, not-a-spot-type, tariffs-collide.

Example:
    select name, times, tiers from parking.set_tariff(parking.find_person('operator@parking.com'), 1, 'Night', flat_cents => 500, times => 'Mo-Su 20:00-06:00');
     name  |       times       |                                tiers
    -------+-------------------+----------------------------------------------------------------------
     Night | Mo-Su 20:00-06:00 | [{"price_cents": 500, "from_minutes": 0, "increment_minutes": null}]
    (1 row)$$;

grant execute on function parking.set_tariff(bigint, bigint, text, bigint, integer, bigint, jsonb, integer, bigint, bigint, text, date, date, text, text,
    integer, text, timestamptz, timestamptz) to parking_service, parking_dba;


create function parking.retire_tariff(
    actor       bigint,
    tariff      bigint,
    valid_until timestamptz default null
)
    returns parking.tariff_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:parking');
    v_lot    parking.lots;
    v_now    timestamptz;
begin
    select l.id into v_lot.id
    from parking.tariffs t
    join parking.lots l on l.tenant_id = t.tenant_id and l.id = t.lot_id and l.retired_at is null
    where t.tenant_id = v_person.tenant_id and t.id = retire_tariff.tariff;
    if found then
        v_lot := parking_private.hold_lot(actor, v_lot.id);
    end if;
    v_now := parking.clock();
    if retire_tariff.valid_until < v_now then
        perform parking_private.refuse('not-a-tariff', 'What has been charged cannot be changed: a tariff ends now or later.');
    elsif retire_tariff.valid_until >= '2200-01-01 00:00+00' then
        perform parking_private.refuse('not-a-tariff', 'A tariff ends before the year 2200.');
    end if;
    update parking.tariffs t
    set valid_until = greatest(t.valid_from, least(t.valid_until, coalesce(retire_tariff.valid_until, v_now)))
    where t.tenant_id = v_person.tenant_id
      and t.id = retire_tariff.tariff
      and t.lot_id = v_lot.id
      and (t.valid_until is null or t.valid_until > v_now and t.valid_until > t.valid_from);
    if not found then
        perform parking_private.refuse('unknown-tariff', format('There is no tariff %s.', coalesce(tariff::text, 'without a number')));
    end if;
    perform parking_private.audit(actor, 'tariff.retired', 'tariff', tariff,
        jsonb_build_object('lot', v_lot.id, 'valid_until', coalesce(retire_tariff.valid_until, v_now)));
    return parking_private.tariff_details(v_lot, tariff);
end
$$;

comment on function parking.retire_tariff(bigint, bigint, timestamptz) is
$$End a tariff now, or at a later moment; returns it. What stays cost up to then is not changed by it.

One that has ended already, or that was replaced, is an unknown one.

Problems: unknown-actor, not-permitted, unknown-lot, unknown-tariff, not-a-tariff.

Example:
    select r.name, r.valid_until is not null as ends
    from parking.set_tariff(parking.find_person('operator@parking.com'), 2, 'Day', price_cents => 250) t,
         parking.retire_tariff(parking.find_person('operator@parking.com'), t.id, valid_until => '2100-01-01') r;
     name | ends
    ------+------
     Day  | t
    (1 row)$$;

grant execute on function parking.retire_tariff(bigint, bigint, timestamptz) to parking_service, parking_dba;


create function parking.list_tariffs(
    lot   bigint default null,
    actor bigint default null
)
    returns setof parking.tariff_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot constant parking.lots := parking_private.enter_lot(lot, 'default', actor);
    v_now constant timestamptz := parking.clock();
begin
    return query
        select d.id, d.lot_id, d.name, d.currency, d.priority, d.times, d.first_day, d.last_day, d.vehicle, d.spot_type, d.free_minutes, d.tiers,
               d.cap_stay_cents, d.cap_day_cents, d.valid_from, d.valid_until, d.time_zone
        from parking.tariffs t
        cross join lateral parking_private.tariff_details(v_lot, t.id) d
        where t.tenant_id = v_lot.tenant_id
          and t.lot_id = v_lot.id
          and (t.valid_until is null or t.valid_until > v_now and t.valid_until > t.valid_from)
        order by t.priority desc, t.narrowness desc, lower(t.name), t.valid_from;
end
$$;

comment on function parking.list_tariffs(bigint, bigint) is
$$The tariffs of a lot that are valid or will be, the one that goes before the others first.

Problems: unknown-lot.

Example:
    select (parking.set_tariff(parking.find_person('operator@parking.com'), 2, 'Day', price_cents => 250, cap_day_cents => 2000)).name;
     name
    ------
     Day
    (1 row)

    select name, currency, cap_day_cents, valid_until from parking.list_tariffs(2);
     name | currency | cap_day_cents | valid_until
    ------+----------+---------------+-------------
     Day  | EUR      |          2000 |
    (1 row)$$;

grant execute on function parking.list_tariffs(bigint, bigint) to parking_service, parking_dba;

commit;
