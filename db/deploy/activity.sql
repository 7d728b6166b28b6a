-- Deploy parking:activity to pg
-- requires: auditing
-- requires: announcing
--
-- Two records in one list: the audit, and the life of bookings. Each is written once and keeps its own order of ids. A
-- cursor names a place in each, so that paging skips and repeats nothing, and needs no index that a booking would pay for.

begin;

set local role parking_owner;

create view parking.activity with (security_barrier) as
select
    t.slug as tenant,
    a.at,
    p.email as actor,
    a.database_role,
    a.address,
    a.action,
    a.object_type,
    a.object_id,
    a.details
from parking.audit a
join parking.tenants t on t.id = a.tenant_id
left join parking.people p on p.tenant_id = a.tenant_id and p.id = a.actor_id
union all
select
    t.slug,
    e.at,
    p.email,
    null,
    null,
    'reservation.' || e.type,
    'reservation',
    e.reservation_id,
    jsonb_build_object('lot_id', e.lot_id, 'spot_id', e.spot_id, 'starts', e.starts, 'ends', e.ends)
from parking.events e
join parking.tenants t on t.id = e.tenant_id
left join parking.people p on p.tenant_id = e.tenant_id and p.id = e.actor_id
where e.reservation_id is not null;

comment on view parking.activity is
    'Who did what to which object, when and from where: the audit, and what happened to bookings. No actor: a DBA, the stale checker, or nobody yet.';

grant select on parking.activity to parking_dba, parking_reporting;


create function parking_private.read_activity_cursor(
    cursor        text,
    out audit_id  bigint,
    out event_id  bigint
)
    language plpgsql
    immutable
as $$
declare
    v_part text[] := regexp_match(cursor, '^([0-9]{1,18})~([0-9]{1,18})$');
begin
    if v_part is null then
        perform parking_private.refuse('not-a-cursor', 'This is not a cursor of this list.');
    end if;
    audit_id := v_part[1]::bigint;
    event_id := v_part[2]::bigint;
end
$$;

comment on function parking_private.read_activity_cursor(text) is 'The last entries of both records that were read, or the problem not-a-cursor.';


create function parking.list_activity(
    actor   bigint,
    after   text default null,
    at_most integer default 100
)
    returns table (
        cursor        text,
        at            timestamptz,
        actor_id      bigint,
        actor_email   text,
        database_role name,
        address       inet,
        action        text,
        object_type   text,
        object_id     bigint,
        details       jsonb
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_tenant constant bigint := (parking_private.require_actor(list_activity.actor, '*')).tenant_id;
    c_first  constant bigint := 999999999999999999;
    v_after  record;
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows', format('At most %s entries cannot be read.', coalesce(at_most::text, 'null')));
    end if;
    select c.audit_id, c.event_id into v_after
    from parking_private.read_activity_cursor(coalesce(list_activity.after, concat_ws('~', c_first, c_first))) c;

    return query
        with entries as (
            (
                select a.id as audit_id, null::bigint as event_id, a.at, a.actor_id, a.database_role, a.address, a.action, a.object_type,
                       a.object_id, a.details
                from parking.audit a
                where a.tenant_id = v_tenant and a.id < v_after.audit_id
                order by a.id desc
                limit list_activity.at_most
            )
            union all
            (
                select null, e.id, e.at, e.actor_id, null, null, 'reservation.' || e.type, 'reservation',
                       e.reservation_id, jsonb_build_object('lot_id', e.lot_id, 'spot_id', e.spot_id, 'starts', e.starts, 'ends', e.ends)
                from parking.events e
                where e.tenant_id = v_tenant and e.id < v_after.event_id and e.reservation_id is not null
                order by e.id desc
                limit list_activity.at_most
            )
        ), placed as (
            -- By time, but never against the ids of a record: those are what a cursor goes by.
            select e.audit_id, e.event_id, e.at, e.actor_id, e.database_role, e.address, e.action, e.object_type, e.object_id, e.details,
                   row_number() over (order by e.place desc, e.audit_id desc nulls last, e.event_id desc) as place
            from (
                select n.audit_id, n.event_id, n.at, n.actor_id, n.database_role, n.address, n.action, n.object_type, n.object_id, n.details,
                       min(n.at) over (partition by n.audit_id is null order by n.audit_id desc, n.event_id desc) as place
                from entries n
            ) e
        )
        select concat_ws('~',
                   coalesce(min(e.audit_id) over (order by e.place), v_after.audit_id),
                   coalesce(min(e.event_id) over (order by e.place), v_after.event_id)),
               e.at, e.actor_id, p.email, e.database_role, e.address, e.action, e.object_type, e.object_id, e.details
        from placed e
        left join parking.people p on p.tenant_id = v_tenant and p.id = e.actor_id
        order by e.place
        limit list_activity.at_most;
end
$$;

comment on function parking.list_activity(bigint, text, integer) is
$$What was done in the actor's tenant, the latest first: by whom, to what, from where; the audit and the life of bookings.

Each entry comes with the cursor that stands behind it; give the last one to go on with what is older. Without an
actor's e-mail it was a DBA, whose database role is named, the stale checker, a platform administrator of another tenant,
or somebody who was not signed in. For administrators; DBAs and reporters read the view parking.activity.

Problems: unknown-actor, not-permitted, not-a-cursor, not-a-number-of-rows.

Example:
    select parking.assign_role(parking.find_person('driver2@parking.com'), 'admin') is not null as promoted;
     promoted
    ----------
     t
    (1 row)

    select actor_email, database_role, action, object_type, details
    from parking.list_activity(parking.find_person('driver2@parking.com'), at_most => 1);
     actor_email | database_role |    action     | object_type |      details
    -------------+---------------+---------------+-------------+-------------------
                 | dba           | role.assigned | person      | {"role": "admin"}
    (1 row)$$;

grant execute on function parking.list_activity(bigint, text, integer) to parking_service, parking_dba;

-- Only a superuser may give an object away.
reset role;
alter view parking.activity owner to parking_viewer;

commit;
