-- Deploy parking:visiting to pg
-- requires: lots
-- requires: membership
--
-- Where a call is about a lot, or something in one: whose it is, whether whoever asks may look at it, and when it is open.
-- Finding goes across tenants and tells nothing but numbers; visit_lot() and enter_lot() enter the tenant and judge.

begin;

set local role parking_owner;

create function parking_private.find_tenant_of_lot(
    lot           bigint,
    tenant        text,
    out tenant_id bigint,
    out id        bigint
)
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    select l.tenant_id, l.id into find_tenant_of_lot.tenant_id, find_tenant_of_lot.id
    from parking.lots l
    where l.retired_at is null
      and l.id = coalesce(find_tenant_of_lot.lot, (
        select o.id
        from parking.lots o
        join parking.tenants t on t.id = o.tenant_id
        where t.slug = find_tenant_of_lot.tenant and o.retired_at is null
        order by o.public desc, o.id
        limit 1
    ));
end
$$;

comment on function parking_private.find_tenant_of_lot(bigint, text) is
    'A lot by its number, or the first public one of the tenant of this name (the first one, where none is public), and whose it is; null: there is none, or it is retired.';


create function parking_private.find_lot_of(
    kind          text,
    place         bigint,
    out tenant_id bigint,
    out lot_id    bigint
)
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select f.tenant_id, f.lot_id from parking.floors f where find_lot_of.kind = 'floor' and f.id = place and f.retired_at is null
    union all
    select r.tenant_id, r.lot_id from parking.rows r where find_lot_of.kind = 'row' and r.id = place and r.retired_at is null
    union all
    select s.tenant_id, s.lot_id from parking.spots s where find_lot_of.kind = 'spot' and s.id = place and s.retired_at is null;
end;

comment on function parking_private.find_lot_of(text, bigint) is
    'In which lot a floor, row or spot lies that is in use, and whose it is; null: there is none.';


create function parking_private.visit_lot(
    tenant bigint,
    lot    bigint,
    actor  bigint
)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_lot    parking.lots;
    v_person parking.people;
begin
    perform parking_private.enter_tenant(visit_lot.tenant);
    select l.* into v_lot from parking.lots l where l.tenant_id = visit_lot.tenant and l.id = visit_lot.lot;
    if not v_lot.public then
        select p.* into v_person
        from parking.people p
        where p.tenant_id = visit_lot.tenant and p.id = visit_lot.actor and p.active;
        if not parking_private.has_permission(v_person, 'read:parking') then
            return null;
        end if;
    end if;
    return v_lot;
end
$$;

comment on function parking_private.visit_lot(bigint, bigint, bigint) is
    'Enter a tenant; its lot, if that is public or the actor may look at it. Null, else: whom it does not concern must learn what there is to learn of a lot that does not exist.';


create function parking_private.enter_lot(
    lot    bigint,
    tenant text,
    actor  bigint
)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_found record;
    v_lot   parking.lots;
begin
    select f.tenant_id, f.id into v_found from parking_private.find_tenant_of_lot(enter_lot.lot, enter_lot.tenant) f;
    v_lot := parking_private.visit_lot(v_found.tenant_id, v_found.id, actor);
    if v_lot.id is null then
        perform parking_private.refuse('unknown-lot', case
            when enter_lot.lot is not null then format('There is no lot %s.', enter_lot.lot)
            else format('Tenant %s has no lot.', coalesce(quote_literal(enter_lot.tenant), 'null'))
        end);
    end if;
    return v_lot;
end
$$;

comment on function parking_private.enter_lot(bigint, text, bigint) is
    'A lot by its number, or a tenant''s first public one, if it is public or the actor may look at it; its tenant entered. Else the problem unknown-lot.';


create function parking_private.open_hours(
    lot    parking.lots,
    starts timestamptz,
    ends   timestamptz
)
    returns tstzmultirange
    language plpgsql
    stable
as $$
begin
    -- Adjoining hours become one, so that midnight between two days of 24 hours is no gap.
    return (
        select coalesce(range_agg(tstzrange(o.opens, o.closes)), '{}')
        from (
            select (d.day + h.opens) at time zone lot.time_zone as opens,
                   (d.day + (h.closes <= h.opens)::integer + h.closes) at time zone lot.time_zone as closes
            from (
                -- Hours that began on the day before may still run.
                select (open_hours.starts at time zone lot.time_zone)::date + n as day
                from generate_series(-1, (open_hours.ends at time zone lot.time_zone)::date - (open_hours.starts at time zone lot.time_zone)::date) n
            ) d
            join parking.opening_hours h
                on h.tenant_id = lot.tenant_id and h.lot_id = lot.id and h.weekday = extract(isodow from d.day)
        ) o
        where o.opens < o.closes  -- the hour that a day in spring lacks may swallow them
    );
end
$$;

comment on function parking_private.open_hours(parking.lots, timestamptz, timestamptz) is
    'The opening hours of a lot that begin between the day before a finite period and its last day; a lot without any has none.';


create function parking_private.is_open(
    lot    parking.lots,
    starts timestamptz,
    ends   timestamptz
)
    returns boolean
    language plpgsql
    stable
as $$
begin
    if not exists (select from parking.opening_hours h where h.tenant_id = lot.tenant_id and h.lot_id = lot.id) then
        return true;
    elsif not isfinite(starts) or not isfinite(ends) or ends - starts > interval '168 hours' then
        -- No booking is longer, and a week is soon looked through.
        return false;
    end if;
    return starts < ends and parking_private.open_hours(lot, starts, ends) @> tstzrange(least(starts, ends), ends);
end
$$;

comment on function parking_private.is_open(parking.lots, timestamptz, timestamptz) is
    'Whether a lot is open during the whole of a period; one without opening hours always is.';


create function parking_private.local_hours(lot parking.lots, day date)
    returns text
    language plpgsql
    stable
as $$
declare
    v_day constant tstzrange := tstzrange(day::timestamp at time zone lot.time_zone, (day + 1)::timestamp at time zone lot.time_zone);
begin
    return coalesce((
        select 'open ' || string_agg(
            to_char(greatest(lower(h.hours), lower(v_day)) at time zone lot.time_zone, 'HH24:MI') || '–' || case
                when upper(h.hours) < upper(v_day) then to_char(upper(h.hours) at time zone lot.time_zone, 'HH24:MI')
                when upper(h.hours) = upper(v_day) then '24:00'
                else parking_private.local_time(upper(h.hours), lot.time_zone)
            end, ' and ' order by h.hours)
        from unnest(parking_private.open_hours(lot, lower(v_day), upper(v_day))) h(hours)
        where h.hours && v_day
    ), 'closed all day');
end
$$;

comment on function parking_private.local_hours(parking.lots, date) is
    'When a lot with opening hours is open on one of its days, as a driver reads it: open 08:00–12:00 and 20:00–Sunday 12 May, 04:00.';


create function parking_private.require_open(
    tenant bigint,
    lot    bigint,
    starts timestamptz,
    ends   timestamptz
)
    returns void
    language plpgsql
    stable
as $$
declare
    v_lot    parking.lots;
    v_closed timestamptz;
begin
    -- Most lots have none, and every booking asks.
    if not exists (select from parking.opening_hours h where h.tenant_id = require_open.tenant and h.lot_id = require_open.lot) then
        return;
    end if;
    select l.* into strict v_lot from parking.lots l where l.tenant_id = require_open.tenant and l.id = require_open.lot;
    v_closed := lower(tstzmultirange(tstzrange(starts, ends)) - parking_private.open_hours(v_lot, starts, ends));
    if v_closed is not null then
        perform parking_private.refuse('lot-closed', format('%s is closed on %s; that day it is %s.', v_lot.name,
            parking_private.local_time(v_closed, v_lot.time_zone),
            parking_private.local_hours(v_lot, (v_closed at time zone v_lot.time_zone)::date)));
    end if;
end
$$;

comment on function parking_private.require_open(bigint, bigint, timestamptz, timestamptz) is
    'Refuse a period that can be booked but in which the lot is closed at some moment; or the problem lot-closed, which says when it is open.';

-- Only a superuser may give an object away.
reset role;
alter function parking_private.find_tenant_of_lot(bigint, text) owner to parking_platform;
grant execute on function parking_private.find_tenant_of_lot(bigint, text) to parking_owner;
alter function parking_private.find_lot_of(text, bigint) owner to parking_platform;
grant execute on function parking_private.find_lot_of(text, bigint) to parking_owner;

commit;
