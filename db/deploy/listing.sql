-- Deploy parking:listing to pg
-- requires: booking
--
-- Reservations page by page. A page goes on behind the start and the number of the last reservation that was read, so that
-- what is booked or cancelled meanwhile neither repeats nor hides another one.
--
-- A driver's own come from the two indexes of people, of what is live and of what has ended, as many from each as the page may
-- have, and are merged; those of a spot in the same way from its two indexes. Those of a tenant come lot by lot: an index of a
-- tenant's reservations would be paid for by every booking.

begin;

set local role parking_owner;

create function parking_private.judge_filter(
    what    text,
    word    text,
    allowed text[]
)
    returns void
    language plpgsql
    immutable
as $$
begin
    if not coalesce(word = any (allowed), false) then
        perform parking_private.refuse('not-a-filter', format('%s is one of %s, not %s.', what, array_to_string(allowed, ', '),
            coalesce(quote_literal(left(word, 100)), 'null')));
    end if;
end
$$;

comment on function parking_private.judge_filter(text, text, text[]) is 'Refuse a word that is none of those that are allowed: not-a-filter.';


create function parking_private.period_of(
    status text,
    starts timestamptz,
    ends   timestamptz,
    now    timestamptz
)
    returns text
    language sql
    immutable
    return case
        when status <> 'active' or ends <= now then 'past'
        when starts > now then 'coming'
        else 'current'
    end;

comment on function parking_private.period_of(text, timestamptz, timestamptz, timestamptz) is
    'coming: it has not begun; current: it runs; past: its time is over, or it was cancelled or completed.';


create function parking_private.find_page_of_spot(
    person       parking.people,
    lot          bigint,
    spot         bigint,
    status       text,
    period       text,
    v_from       timestamptz,
    v_before     timestamptz,
    v_to         timestamptz,
    after_starts timestamptz,
    after_id     bigint,
    sort         text,
    at_most      integer,
    now          timestamptz
)
    returns bigint[]
    language plpgsql
    volatile
as $$
declare
    v_live       constant boolean := coalesce(find_page_of_spot.status, 'active') = 'active';
    v_ended      constant boolean := coalesce(period, 'past') = 'past';
    -- Of live ones, which do not overlap and so end in the order in which they start, none for longer than a week.
    v_from_end   constant timestamptz := greatest(v_from, case when period in ('current', 'coming') then now end);
    v_before_end constant timestamptz := least(v_before, v_to) + interval '169 hours';
begin
    if sort = 'latest' then
        return array(
            select p.id
            from (
                (
                    select r.id, r.starts
                    from parking.reservations r
                    where v_live and r.tenant_id = person.tenant_id and r.spot_id = spot and r.status = 'active'
                      and r.ends > v_from_end and r.ends < v_before_end
                      and r.starts >= v_from and r.starts < v_before and r.starts <= v_to
                      and (after_id is null or r.starts < after_starts or r.id < after_id)
                      and (lot is null or r.lot_id = lot)
                      and (period is null or parking_private.period_of(r.status, r.starts, r.ends, now) = period)
                    order by r.ends desc
                    limit at_most
                )
                union all
                (
                    select r.id, r.starts
                    from parking.reservations r
                    where v_ended and r.tenant_id = person.tenant_id and r.spot_id = spot and r.status <> 'active'
                      and r.starts >= v_from and r.starts < v_before and r.starts <= v_to
                      and (after_id is null or r.starts < after_starts or r.id < after_id)
                      and (lot is null or r.lot_id = lot)
                      and (find_page_of_spot.status is null or r.status = find_page_of_spot.status)
                    order by r.starts desc, r.id desc
                    limit at_most
                )
            ) p
            order by p.starts desc, p.id desc
            limit at_most
        );
    end if;
    return array(
        select p.id
        from (
            (
                select r.id, r.starts
                from parking.reservations r
                where v_live and r.tenant_id = person.tenant_id and r.spot_id = spot and r.status = 'active'
                  and r.ends > v_from_end and r.ends < v_before_end
                  and r.starts >= v_from and r.starts < v_before
                  and (after_id is null or r.starts > after_starts or r.id > after_id)
                  and (lot is null or r.lot_id = lot)
                  and (period is null or parking_private.period_of(r.status, r.starts, r.ends, now) = period)
                order by r.ends
                limit at_most
            )
            union all
            (
                select r.id, r.starts
                from parking.reservations r
                where v_ended and r.tenant_id = person.tenant_id and r.spot_id = spot and r.status <> 'active'
                  and r.starts >= v_from and r.starts < v_before
                  and (after_id is null or r.starts > after_starts or r.id > after_id)
                  and (lot is null or r.lot_id = lot)
                  and (find_page_of_spot.status is null or r.status = find_page_of_spot.status)
                order by r.starts, r.id
                limit at_most
            )
        ) p
        order by p.starts, p.id
        limit at_most
    );
end
$$;

comment on function parking_private.find_page_of_spot(
    parking.people, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz) is
    'The same as find_page() of everybody''s reservations of one spot.';


create function parking_private.find_page_of_person(
    person       parking.people,
    lot          bigint,
    spot         bigint,
    status       text,
    period       text,
    v_from       timestamptz,
    v_before     timestamptz,
    v_to         timestamptz,
    after_starts timestamptz,
    after_id     bigint,
    sort         text,
    at_most      integer,
    now          timestamptz
)
    returns bigint[]
    language plpgsql
    volatile
as $$
declare
    v_live  constant boolean := coalesce(find_page_of_person.status, 'active') = 'active';
    v_ended constant boolean := coalesce(find_page_of_person.status, 'completed') <> 'active' and coalesce(period, 'past') = 'past';
begin
    if sort = 'latest' then
        return array(
            select p.id
            from (
                (
                    select r.id, r.starts
                    from parking.reservations r
                    where v_live and r.tenant_id = person.tenant_id and r.person_id = person.id and r.status = 'active'
                      and r.starts >= v_from and r.starts < v_before and r.starts <= v_to
                      and (after_id is null or r.starts < after_starts or r.id < after_id)
                      and (lot is null or r.lot_id = lot)
                      and (spot is null or r.spot_id = spot)
                      and (period is null or parking_private.period_of(r.status, r.starts, r.ends, now) = period)
                    order by r.starts desc, r.id desc
                    limit at_most
                )
                union all
                (
                    select r.id, r.starts
                    from parking.reservations r
                    where v_ended and r.tenant_id = person.tenant_id and r.person_id = person.id and r.status <> 'active'
                      and r.starts >= v_from and r.starts < v_before and r.starts <= v_to
                      and (after_id is null or r.starts < after_starts or r.id < after_id)
                      and (lot is null or r.lot_id = lot)
                      and (spot is null or r.spot_id = spot)
                      and (find_page_of_person.status is null or r.status = find_page_of_person.status)
                    order by r.starts desc, r.id desc
                    limit at_most
                )
            ) p
            order by p.starts desc, p.id desc
            limit at_most
        );
    end if;
    return array(
        select p.id
        from (
            (
                select r.id, r.starts
                from parking.reservations r
                where v_live and r.tenant_id = person.tenant_id and r.person_id = person.id and r.status = 'active'
                  and r.starts >= v_from and r.starts < v_before
                  and (after_id is null or r.starts > after_starts or r.id > after_id)
                  and (lot is null or r.lot_id = lot)
                  and (spot is null or r.spot_id = spot)
                  and (period is null or parking_private.period_of(r.status, r.starts, r.ends, now) = period)
                order by r.starts, r.id
                limit at_most
            )
            union all
            (
                select r.id, r.starts
                from parking.reservations r
                where v_ended and r.tenant_id = person.tenant_id and r.person_id = person.id and r.status <> 'active'
                  and r.starts >= v_from and r.starts < v_before
                  and (after_id is null or r.starts > after_starts or r.id > after_id)
                  and (lot is null or r.lot_id = lot)
                  and (spot is null or r.spot_id = spot)
                  and (find_page_of_person.status is null or r.status = find_page_of_person.status)
                order by r.starts, r.id
                limit at_most
            )
        ) p
        order by p.starts, p.id
        limit at_most
    );
end
$$;

comment on function parking_private.find_page_of_person(
    parking.people, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz) is
    'The same as find_page() of a person''s own reservations.';


create function parking_private.find_page_of_lots(
    person       parking.people,
    lot          bigint,
    status       text,
    period       text,
    v_from       timestamptz,
    v_before     timestamptz,
    v_to         timestamptz,
    after_starts timestamptz,
    after_id     bigint,
    sort         text,
    at_most      integer,
    now          timestamptz
)
    returns bigint[]
    language plpgsql
    volatile
as $$
declare
    v_live  constant boolean := coalesce(find_page_of_lots.status, 'active') = 'active';
    v_ended constant boolean := coalesce(find_page_of_lots.status, 'completed') <> 'active' and coalesce(period, 'past') = 'past';
begin
    if sort = 'latest' then
        return array(
            select p.id
            from parking.lots l
            cross join lateral (
                (
                    select r.id, r.starts
                    from parking.reservations r
                    where v_live and r.tenant_id = person.tenant_id and r.lot_id = l.id and r.status = 'active'
                      and r.starts >= v_from and r.starts < v_before and r.starts <= v_to
                      and (after_id is null or r.starts < after_starts or r.id < after_id)
                      and (period is null or parking_private.period_of(r.status, r.starts, r.ends, now) = period)
                    order by r.starts desc, r.id desc
                    limit at_most
                )
                union all
                (
                    select r.id, r.starts
                    from parking.reservations r
                    where v_ended and r.tenant_id = person.tenant_id and r.lot_id = l.id and r.status <> 'active'
                      and r.starts >= v_from and r.starts < v_before and r.starts <= v_to
                      and (after_id is null or r.starts < after_starts or r.id < after_id)
                      and (find_page_of_lots.status is null or r.status = find_page_of_lots.status)
                    order by r.starts desc, r.id desc
                    limit at_most
                )
            ) p
            where l.tenant_id = person.tenant_id and (lot is null or l.id = lot)
            order by p.starts desc, p.id desc
            limit at_most
        );
    end if;
    return array(
        select p.id
        from parking.lots l
        cross join lateral (
            (
                select r.id, r.starts
                from parking.reservations r
                where v_live and r.tenant_id = person.tenant_id and r.lot_id = l.id and r.status = 'active'
                  and r.starts >= v_from and r.starts < v_before
                  and (after_id is null or r.starts > after_starts or r.id > after_id)
                  and (period is null or parking_private.period_of(r.status, r.starts, r.ends, now) = period)
                order by r.starts, r.id
                limit at_most
            )
            union all
            (
                select r.id, r.starts
                from parking.reservations r
                where v_ended and r.tenant_id = person.tenant_id and r.lot_id = l.id and r.status <> 'active'
                  and r.starts >= v_from and r.starts < v_before
                  and (after_id is null or r.starts > after_starts or r.id > after_id)
                  and (find_page_of_lots.status is null or r.status = find_page_of_lots.status)
                order by r.starts, r.id
                limit at_most
            )
        ) p
        where l.tenant_id = person.tenant_id and (lot is null or l.id = lot)
        order by p.starts, p.id
        limit at_most
    );
end
$$;

comment on function parking_private.find_page_of_lots(
    parking.people, bigint, text, text, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz) is
    'The same as find_page() of everybody''s reservations of a tenant, or of one lot.';


create function parking_private.find_page(
    person        parking.people,
    whose         text,
    lot           bigint,
    spot          bigint,
    status        text,
    period        text,
    starts_from   timestamptz,
    starts_before timestamptz,
    after_starts  timestamptz,
    after_id      bigint,
    sort          text,
    at_most       integer,
    now           timestamptz
)
    returns bigint[]
    language plpgsql
    volatile
as $$
declare
    -- Bounds that always hold, so that there is one plan for whatever is asked for. No reservation starts outside of these years,
    -- what is to come starts from now on, and what runs started within the week that a reservation lasts at most.
    v_from   constant timestamptz := greatest(starts_from, case when sort = 'earliest' then after_starts end, '2000-01-01 00:00+00',
        case period when 'coming' then now when 'current' then now - interval '168 hours' end);
    v_before constant timestamptz := least(starts_before, '2200-01-01 00:00+00',
        case period when 'current' then now + interval '1 microsecond' end);
    v_to     constant timestamptz := coalesce(case when sort = 'latest' then after_starts end, '2200-01-01 00:00+00');
begin
    if whose = 'mine' then
        return parking_private.find_page_of_person(person, lot, spot, find_page.status, period, v_from, v_before, v_to, after_starts, after_id,
            sort, at_most, now);
    elsif spot is not null then
        return parking_private.find_page_of_spot(person, lot, spot, find_page.status, period, v_from, v_before, v_to, after_starts, after_id, sort,
            at_most, now);
    else
        return parking_private.find_page_of_lots(person, lot, find_page.status, period, v_from, v_before, v_to, after_starts, after_id, sort,
            at_most, now);
    end if;
end
$$;

comment on function parking_private.find_page(
    parking.people, text, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz) is
    'The numbers of the reservations of one page of parking.list_reservations(), in their order.';


create function parking.list_reservations(
    actor         bigint,
    whose         text default 'mine',
    lot           bigint default null,
    spot          bigint default null,
    status        text default null,
    period        text default null,
    starts_from   timestamptz default null,
    starts_before timestamptz default null,
    after_starts  timestamptz default null,
    after_id      bigint default null,
    sort          text default 'latest',
    at_most       integer default 50
)
    returns setof parking.reservation_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_person constant parking.people := parking_private.require_actor(
        list_reservations.actor, case when list_reservations.whose = 'all' then 'write:parking' else 'read:own_data' end);
    v_now    constant timestamptz := parking.clock();
    v_page   bigint[];
begin
    perform parking_private.judge_filter('whose', list_reservations.whose, '{mine,all}');
    perform parking_private.judge_filter('sort', list_reservations.sort, '{latest,earliest}');
    perform parking_private.judge_filter('status', coalesce(list_reservations.status, 'active'), '{active,completed,cancelled}');
    perform parking_private.judge_filter('period', coalesce(list_reservations.period, 'current'), '{current,coming,past}');
    if (list_reservations.after_starts is null) <> (list_reservations.after_id is null) then
        perform parking_private.refuse('not-a-cursor', 'A page goes on behind a start and a number, or behind neither.');
    elsif at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows',
            format('At most %s reservations cannot be listed.', coalesce(at_most::text, 'null')));
    end if;

    v_page := parking_private.find_page(v_person, whose, list_reservations.lot, list_reservations.spot, list_reservations.status,
        list_reservations.period, starts_from, starts_before, after_starts, after_id, sort, at_most, v_now);
    -- One after the other, each found by what the one before says. To the planner the rows and lots of a tenant may look like one of
    -- each, and it would try all of them for each reservation.
    return query
        select r.id, parking_private.period_of(r.status, r.starts, r.ends, v_now), r.status, r.starts, r.ends,
               s.id, s.name, s.type, w.name, f.name, l.id, l.name, l.address, l.time_zone, p.email, r.booked_at, r.ended_at,
               r.quoted_cents, r.currency
        from unnest(v_page) with ordinality u(id, place)
        cross join lateral (
            select r.id, r.status, r.starts, r.ends, r.lot_id, r.spot_id, r.person_id, r.booked_at, r.ended_at, r.quoted_cents, r.currency
            from parking.reservations r
            where r.tenant_id = v_person.tenant_id and r.id = u.id
            offset 0
        ) r
        cross join lateral (
            select s.id, s.name, s.type, s.row_id from parking.spots s where s.tenant_id = v_person.tenant_id and s.id = r.spot_id offset 0
        ) s
        cross join lateral (
            select w.name, w.floor_id from parking.rows w where w.tenant_id = v_person.tenant_id and w.id = s.row_id offset 0
        ) w
        cross join lateral (
            select f.name from parking.floors f where f.tenant_id = v_person.tenant_id and f.id = w.floor_id offset 0
        ) f
        cross join lateral (
            select l.id, l.name, l.address, l.time_zone from parking.lots l where l.tenant_id = v_person.tenant_id and l.id = r.lot_id offset 0
        ) l
        cross join lateral (
            select p.email from parking.people p where p.tenant_id = v_person.tenant_id and p.id = r.person_id offset 0
        ) p
        order by u.place;
end
$$;

comment on function parking.list_reservations(
    bigint, text, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, bigint, text, integer) is
$$Reservations with all that one needs to find the spot; one's own, or all of the tenant for operators.

whose: mine or all. Only of one lot, one spot, one status (active, completed, cancelled) or one period, if that is given: coming has
not begun, current runs, past is over, cancelled or completed. sort: by their starts, latest or earliest first. To go on, give the
start and the number of the last one as after_starts and after_id.

Problems: unknown-actor, not-permitted, not-a-filter, not-a-cursor, not-a-number-of-rows.

Example:
    select l.spot, l.lot, l.period, l.status
    from parking.book(parking.find_person('driver1@parking.com'), 1, 'tomorrow 08:00', 'tomorrow 12:00') b
    cross join lateral parking.list_reservations(parking.find_person('driver1@parking.com'), period => 'coming') l;
      spot  |     lot     | period | status
    --------+-------------+--------+--------
     Spot 1 | Demo Garage | coming | active
    (1 row)$$;

grant execute on function parking.list_reservations(
    bigint, text, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, bigint, text, integer)
to parking_service, parking_dba;

commit;
