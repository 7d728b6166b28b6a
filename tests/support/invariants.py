"""What holds of a database at any moment, whatever has been done to it: each one statement, asked as a superuser."""

import asyncpg

INVARIANTS = {
    "no two live bookings of a spot overlap": """
        select format('%s and %s', a.id, b.id)
        from parking.reservations a
        join parking.reservations b on b.spot_id = a.spot_id and b.id > a.id and b.status = 'active'
        where a.status = 'active' and a.starts < b.ends and b.starts < a.ends""",
    "every change of a booking has its event, and no other has": """
        with told as (
            select e.tenant_id, e.reservation_id, e.lot_id, e.spot_id, e.type, e.starts, e.ends,
                   e.type = 'rescheduled' and (e.former_starts, e.former_ends) is distinct from
                       (lag(e.starts) over life, lag(e.ends) over life) as disagrees,
                   string_agg(e.type, ' ') over life as life,
                   e.id = max(e.id) over (partition by e.tenant_id, e.reservation_id) as last
            from parking.events e
            where e.reservation_id is not null
            window life as (partition by e.tenant_id, e.reservation_id order by e.id)
        )
        select format('%s: %s', coalesce(r.id, t.reservation_id), coalesce(t.life, 'nothing'))
        from parking.reservations r
        full join told t on t.tenant_id = r.tenant_id and t.reservation_id = r.id
        where t.life is null or r.id is null or t.disagrees or t.last and (
            (t.lot_id, t.spot_id, t.starts, t.ends) <> (r.lot_id, r.spot_id, r.starts, r.ends)
            or t.life !~ case r.status
                when 'active' then '^booked( rescheduled)*$'
                when 'cancelled' then '^booked( rescheduled)* cancelled$'
                when 'completed' then '^booked( rescheduled)* (completed|released)$'
            end)""",
    "the board follows from the record": """
        with clock as materialized (
            select parking.clock() as now
        ), watched as materialized (
            select l as lot from parking.lots l where l.id in (select e.lot_id from parking.events e)
        ), told as (
            select distinct on (e.tenant_id, e.reservation_id) e.spot_id, e.type, e.starts, e.ends
            from parking.events e
            where e.reservation_id is not null
            order by e.tenant_id, e.reservation_id, e.id desc
        ), live as materialized (
            select t.spot_id, t.starts, t.ends from told t where t.type in ('booked', 'rescheduled')
        ), said as materialized (
            select distinct on (a.object_id) a.object_id as spot_id, a.details ->> 'state' as state,
                   coalesce((a.details ->> 'until')::timestamptz, 'infinity') as until
            from parking.audit a
            where a.action in ('override.set', 'override.ended')
            order by a.object_id, a.id desc
        ), cells as (
            select b.spot_id, b.starts, b.status,
                   case
                       when b.ends <= c.now then 'past'
                       when exists (
                           select from live v
                           where v.spot_id = b.spot_id and v.starts < b.ends and v.ends > greatest(b.starts, c.now)
                       ) then 'booked'
                       when exists (
                           select from said s
                           where s.spot_id = b.spot_id and s.state = 'maintenance'
                             and s.until > greatest(b.starts, c.now)
                       ) then 'maintenance'
                       else 'available'
                   end as told
            from clock c
            cross join watched w
            cross join generate_series(0, 1) d
            cross join parking_private.cells(w.lot, (c.now at time zone (w.lot).time_zone)::date + d, c.now) b
        )
        select format('spot %s at %s is %s, the record says %s', c.spot_id, c.starts, c.status, c.told)
        from cells c
        where c.status <> c.told""",
    "the tally of a lot is the number of its reservations": """
        select format('lot %s has had %s, its tally says %s', coalesce(r.lot_id, t.lot_id), r.number, t.reservations)
        from parking.lot_tallies t
        full join (
            select r.lot_id, count(*) as number
            from parking.reservations r
            join parking_private.lot_tally_mark m on r.id <= m.counted
            group by r.lot_id
        ) r on r.lot_id = t.lot_id
        where t.reservations is distinct from r.number""",
    "nothing crosses tenants": """
        select format('reservation %s', r.id)
        from parking.reservations r
        join parking.spots s on s.id = r.spot_id
        join parking.people p on p.id = r.person_id
        where (s.tenant_id, s.lot_id, p.tenant_id) <> (r.tenant_id, r.lot_id, r.tenant_id)
        union all
        select format('event %s', e.id)
        from parking.events e
        join parking.spots s on s.id = e.spot_id
        left join parking.people p on p.id = e.actor_id
        left join parking.reservations r on r.id = e.reservation_id
        where s.tenant_id <> e.tenant_id or p.tenant_id <> e.tenant_id or r.tenant_id <> e.tenant_id
        union all
        select format('override %s', o.id)
        from parking.overrides o
        join parking.spots s on s.id = o.spot_id
        join parking.people p on p.id = o.set_by
        where s.tenant_id <> o.tenant_id or p.tenant_id <> o.tenant_id""",
}

ASK = " union all ".join(
    f"(select '{name}: ' || i.found from ({statement}) i (found) limit 3)" for name, statement in INVARIANTS.items()
)


async def broken(superuser: asyncpg.Connection) -> list[str]:
    """Which invariants do not hold, with an example or three; in one statement, so of one moment."""
    return [row[0] for row in await superuser.fetch(ASK)]
