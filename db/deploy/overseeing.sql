-- Deploy parking:overseeing to pg
-- requires: overriding
--
-- What those who run a lot see of it: the states of its spots with why and who, what happened and who did it. All of it
-- takes read:analytics, and a DBA in psql may leave the actor out.

begin;

set local role parking_owner;

create function parking_private.oversee_lot(lot bigint, actor bigint)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_found record;
    v_lot   parking.lots;
begin
    select f.tenant_id, f.id into v_found from parking_private.find_tenant_of_lot(oversee_lot.lot, 'default') f;
    perform parking_private.require_actor_or_dba(actor, 'read:analytics', v_found.tenant_id);
    select l.* into v_lot
    from parking.lots l
    where l.tenant_id = parking_private.current_tenant()
      and l.retired_at is null
      and (l.id = v_found.id or oversee_lot.lot is null)
    order by l.id = v_found.id desc, l.public desc, l.id
    limit 1;
    if not found then
        perform parking_private.refuse('unknown-lot', format('There is no lot %s.', coalesce(oversee_lot.lot::text, 'in this tenant')));
    end if;
    return v_lot;
end
$$;

comment on function parking_private.oversee_lot(bigint, bigint) is
    'A lot of the actor''s own tenant, by its number or the first one, for who may see how it is used and for DBAs; its tenant entered. Or the problems unknown-actor, not-permitted, unknown-lot.';


create function parking.count_states(
    lot   bigint default null,
    actor bigint default null
)
    returns table (
        floor_id    bigint,
        floor       text,
        row_id      bigint,
        "row"       text,
        spots       bigint,
        free        bigint,
        reserved    bigint,
        occupied    bigint,
        maintenance bigint,
        unknown     bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.oversee_lot(count_states.lot, count_states.actor);
begin
    return query
        select f.id, f.name, r.id, r.name,
               count(c.spot_id),
               count(c.spot_id) filter (where c.state = 'free'),
               count(c.spot_id) filter (where c.state = 'reserved'),
               count(c.spot_id) filter (where c.state = 'occupied'),
               count(c.spot_id) filter (where c.state = 'maintenance'),
               count(c.spot_id) filter (where c.state = 'unknown')
        from parking.rows r
        join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
        join parking.spots s on s.tenant_id = r.tenant_id and s.row_id = r.id and s.retired_at is null
        join parking_private.conditions(v_lot, null, parking.clock()) c on c.spot_id = s.id
        where r.tenant_id = v_lot.tenant_id and r.lot_id = v_lot.id and r.retired_at is null
        group by f.id, f.name, f.position, r.id, r.name, r.position
        order by f.position, r.position;
end
$$;

comment on function parking.count_states(bigint, bigint) is
$$How many spots of each row of a lot are in which state at this moment; rows without spots are left out.

For those who may see how lots are used, and for DBAs, who may leave the actor out.

Problems: unknown-actor, not-permitted, unknown-lot.

Example:
    select floor, "row", spots, free, maintenance from parking.count_states(1);
        floor     |  row  | spots | free | maintenance
    --------------+-------+-------+------+-------------
     Ground floor | Row A |     5 |    5 |           0
    (1 row)$$;

grant execute on function parking.count_states(bigint, bigint) to parking_service, parking_dba;


create function parking.inspect_spots(
    lot     bigint default null,
    of_row  bigint default null,
    actor   bigint default null,
    skip    integer default 0,
    at_most integer default 200
)
    returns table (
        spot_id  bigint,
        spot     text,
        type     text,
        floor_id bigint,
        floor    text,
        row_id   bigint,
        "row"    text,
        state    text,
        source   text,
        reason   text,
        who      text,
        since    timestamptz,
        until    timestamptz
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.oversee_lot(inspect_spots.lot, inspect_spots.actor);
    v_now constant timestamptz := parking.clock();
begin
    if at_most is null or at_most < 1 or at_most > 100000 or skip is null or skip < 0 then
        perform parking_private.refuse('not-a-number-of-rows',
            format('At most %s spots behind %s cannot be read.', coalesce(at_most::text, 'null'), coalesce(skip::text, 'null')));
    end if;
    return query
        with chosen as materialized (
            select c.place, c.spot_id, c.spot, s.type, s.row_id, c.state, c.source, c.reason, c.since, c.until
            from parking_private.conditions(v_lot, null, v_now) with ordinality
                c(lot_id, spot_id, spot, state, source, reason, since, until, time_zone, hits, place)
            join parking.spots s on s.tenant_id = v_lot.tenant_id and s.id = c.spot_id
            where inspect_spots.of_row is null or s.row_id = inspect_spots.of_row
            order by c.place
            limit inspect_spots.at_most
            offset inspect_spots.skip
        )
        select c.spot_id, c.spot, c.type, f.id, f.name, r.id, r.name, c.state, c.source, c.reason,
               case
                   when c.source <> 'bookings' then (
                       select p.display_name
                       from parking.overrides o
                       join parking.people p on p.tenant_id = o.tenant_id and p.id = o.set_by
                       where o.tenant_id = v_lot.tenant_id and o.lot_id = v_lot.id and o.spot_id = c.spot_id and o.ended_at is null)
                   when c.state = 'reserved' then (
                       select p.display_name
                       from parking.reservations b
                       join parking.people p on p.tenant_id = b.tenant_id and p.id = b.person_id
                       where b.tenant_id = v_lot.tenant_id and b.spot_id = c.spot_id and b.status = 'active' and b.ends > v_now
                       order by b.ends
                       limit 1)
               end,
               c.since, c.until
        from chosen c
        join parking.rows r on r.tenant_id = v_lot.tenant_id and r.id = c.row_id
        join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
        order by c.place;
end
$$;

comment on function parking.inspect_spots(bigint, bigint, bigint, integer, integer) is
$$The spots of a lot, or of one of its rows, with the state that each is in at this moment, why, and who: the operator who said so, or the driver who has booked it.

At most 200 of them unless told otherwise, after the first ones that are to be skipped. For those who may see how lots are
used, and for DBAs, who may leave the actor out.

Problems: unknown-actor, not-permitted, unknown-lot, not-a-number-of-rows.

Example:
    select c.state from parking.set_spot_state(parking.find_person('operator@parking.com'), 2, 'maintenance', 'Oil') c;
        state
    -------------
     maintenance
    (1 row)

    select spot, state, reason, who from parking.inspect_spots(1, at_most => 3);
      spot  |    state    | reason |      who
    --------+-------------+--------+---------------
     Spot 1 | free        |        |
     Spot 2 | maintenance | Oil    | Olga Operator
     Spot 3 | free        |        |
    (3 rows)$$;

grant execute on function parking.inspect_spots(bigint, bigint, bigint, integer, integer) to parking_service, parking_dba;


create function parking.list_events(
    lot     bigint default null,
    actor   bigint default null,
    before  bigint default null,
    at_most integer default 50
)
    returns table (
        id             bigint,
        at             timestamptz,
        type           text,
        spot_id        bigint,
        spot           text,
        reservation_id bigint,
        starts         timestamptz,
        ends           timestamptz,
        former_starts  timestamptz,
        former_ends    timestamptz,
        who            text
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot constant parking.lots := parking_private.oversee_lot(list_events.lot, list_events.actor);
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows', format('At most %s events cannot be read.', coalesce(at_most::text, 'null')));
    end if;
    return query
        select e.id, e.at, e.type, e.spot_id, s.name, e.reservation_id, e.starts, e.ends, e.former_starts, e.former_ends, p.display_name
        from parking.events e
        join parking.spots s on s.tenant_id = e.tenant_id and s.id = e.spot_id
        left join parking.people p on p.tenant_id = e.tenant_id and p.id = e.actor_id
        where e.tenant_id = v_lot.tenant_id
          and e.lot_id = v_lot.id
          and (list_events.before is null or e.id < list_events.before)
        order by e.id desc
        limit list_events.at_most;
end
$$;

comment on function parking.list_events(bigint, bigint, bigint, integer) is
$$What happened in a lot, the latest first, and who did it; nobody, where it was the stale checker or a DBA.

before: the id of an event, to go on with what is older. For those who may see how lots are used, and for DBAs, who may
leave the actor out.

Problems: unknown-actor, not-permitted, unknown-lot, not-a-number-of-rows.

Example:
    select b.spot from parking.book(parking.find_person('driver1@parking.com'), 3, 'tomorrow 08:00', 'tomorrow 12:00') b;
      spot
    --------
     Spot 3
    (1 row)

    select type, spot, starts::time, who from parking.list_events(1, at_most => 5);
      type  |  spot  |  starts  |    who
    --------+--------+----------+------------
     booked | Spot 3 | 08:00:00 | Driver One
    (1 row)$$;

grant execute on function parking.list_events(bigint, bigint, bigint, integer) to parking_service, parking_dba;

commit;
