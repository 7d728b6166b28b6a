-- Deploy parking:conceding to pg
-- requires: setting_tariffs
--
-- Who pays less: season passes and discounts are granted and ended, and never changed. They begin and end now or later, as tariffs
-- do, so that what a stay up to now costs stays what it is.

begin;

set local role parking_owner;

create function parking_private.concession_details(concession bigint)
    returns parking.concession_details
    language sql
    volatile
begin atomic
    select c.id, c.kind, c.lot_id, p.email, c.plate, c.percent, c.valid_from, c.valid_until
    from parking.concessions c
    left join parking.people p on p.tenant_id = c.tenant_id and p.id = c.person_id
    where c.tenant_id = parking_private.current_tenant() and c.id = concession_details.concession;
end;

comment on function parking_private.concession_details(bigint) is 'A season pass or a discount of the tenant that was entered, as the functions return it.';


create function parking.grant_concession(
    actor       bigint,
    kind        text,
    lot         bigint default null,
    person      bigint default null,
    plate       text default null,
    percent     integer default 100,
    valid_from  timestamptz default null,
    valid_until timestamptz default null
)
    returns parking.concession_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:parking');
    v_now    constant timestamptz := parking.clock();
    v_from   constant timestamptz := coalesce(valid_from, v_now);
    v_plate  constant text := upper(regexp_replace(plate, '[^[:alnum:]]', '', 'g'));
    v_id     bigint;
    v_fault  text;
begin
    if lot is not null and not exists (
        select from parking.lots l where l.tenant_id = v_person.tenant_id and l.id = grant_concession.lot and l.retired_at is null
    ) then
        perform parking_private.refuse_place('lot', lot);
    elsif person is not null and not exists (
        select from parking.people p where p.tenant_id = v_person.tenant_id and p.id = grant_concession.person and p.erased_at is null
    ) then
        perform parking_private.refuse('unknown-person', format('There is no person %s.', person));
    end if;
    v_fault := case
        when kind is null or kind not in ('season-pass', 'discount') then 'It is a season-pass or a discount.'
        when num_nonnulls(person, plate) <> 1 then 'It is for a person or for a plate.'
        when kind = 'season-pass' and lot is null then 'A season pass is for one lot.'
        when kind = 'discount' and person is null then 'A discount is a person''s.'
        when v_plate !~ '^[[:upper:][:digit:]]{1,20}$' then 'A plate has 1 to 20 letters and digits.'
        when percent is null or percent < 1 or percent > 100 then 'It takes 1 to 100 percent off.'
        when v_from < v_now then 'What has been charged cannot be changed: it begins now or later.'
        when valid_until <= v_from then 'It ends after it begins.'
        when greatest(v_from, valid_until) >= '2200-01-01 00:00+00' then 'It ends before the year 2200.'
    end;
    if v_fault is not null then
        perform parking_private.refuse('not-a-concession', v_fault);
    end if;
    insert into parking.concessions as c (tenant_id, kind, lot_id, person_id, plate, percent, valid_from, valid_until)
    values (v_person.tenant_id, grant_concession.kind, grant_concession.lot, grant_concession.person, v_plate, grant_concession.percent, v_from,
        grant_concession.valid_until)
    returning c.id into v_id;
    perform parking_private.audit(actor, 'concession.granted', 'concession', v_id, jsonb_build_object('kind', kind, 'lot', lot, 'person', person,
        'percent', percent, 'valid_from', v_from, 'valid_until', valid_until));
    return parking_private.concession_details(v_id);
end
$$;

comment on function parking.grant_concession(bigint, text, bigint, bigint, text, integer, timestamptz, timestamptz) is
$$Let a person or a plate pay less, from now or a later moment on: kind is season-pass or discount. Returns it.

A season-pass is for one lot, and takes percent off each increment that begins while it is valid. A discount is a person's, in one
lot or, without one, in all of them, and takes percent off the price of stays that begin while it is valid.

Problems: unknown-actor, not-permitted, unknown-lot, unknown-person, not-a-concession.

Example:
    select kind, lot_id, plate, percent from parking.grant_concession(parking.find_person('operator@parking.com'), 'season-pass', 1, plate => 'B-AB 123');
        kind     | lot_id | plate  | percent
    -------------+--------+--------+---------
     season-pass |      1 | BAB123 |     100
    (1 row)$$;

grant execute on function parking.grant_concession(bigint, text, bigint, bigint, text, integer, timestamptz, timestamptz) to parking_service, parking_dba;


create function parking.end_concession(
    actor       bigint,
    concession  bigint,
    valid_until timestamptz default null
)
    returns parking.concession_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:parking');
    v_now    timestamptz;
begin
    perform from parking.concessions c where c.tenant_id = v_person.tenant_id and c.id = end_concession.concession for update;
    v_now := parking.clock();
    if end_concession.valid_until < v_now then
        perform parking_private.refuse('not-a-concession', 'What has been charged cannot be changed: it ends now or later.');
    elsif end_concession.valid_until >= '2200-01-01 00:00+00' then
        perform parking_private.refuse('not-a-concession', 'It ends before the year 2200.');
    end if;
    update parking.concessions c
    set valid_until = greatest(c.valid_from, least(c.valid_until, coalesce(end_concession.valid_until, v_now)))
    where c.tenant_id = v_person.tenant_id
      and c.id = end_concession.concession
      and (c.valid_until is null or c.valid_until > v_now and c.valid_until > c.valid_from);
    if not found then
        perform parking_private.refuse('unknown-concession',
            format('There is no season pass and no discount %s.', coalesce(concession::text, 'without a number')));
    end if;
    perform parking_private.audit(actor, 'concession.ended', 'concession', concession,
        jsonb_build_object('valid_until', coalesce(end_concession.valid_until, v_now)));
    return parking_private.concession_details(concession);
end
$$;

comment on function parking.end_concession(bigint, bigint, timestamptz) is
$$End a season pass or a discount now, or at a later moment; returns it. One that has ended already is an unknown one.

Problems: unknown-actor, not-permitted, unknown-concession, not-a-concession.

Example:
    select e.kind, e.person, e.valid_until is not null as ended
    from parking.grant_concession(parking.find_person('operator@parking.com'), 'discount', percent => 20,
             person => parking.find_person('driver1@parking.com')) g,
         parking.end_concession(parking.find_person('operator@parking.com'), g.id, valid_until => '2100-01-01') e;
       kind   |       person        | ended
    ----------+---------------------+-------
     discount | driver1@parking.com | t
    (1 row)$$;

grant execute on function parking.end_concession(bigint, bigint, timestamptz) to parking_service, parking_dba;


create function parking.list_concessions(
    actor bigint,
    lot   bigint default null
)
    returns setof parking.concession_details
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:parking');
    v_now    constant timestamptz := parking.clock();
begin
    if lot is not null and not exists (
        select from parking.lots l where l.tenant_id = v_person.tenant_id and l.id = list_concessions.lot and l.retired_at is null
    ) then
        perform parking_private.refuse_place('lot', lot);
    end if;
    return query
        select d.id, d.kind, d.lot_id, d.person, d.plate, d.percent, d.valid_from, d.valid_until
        from parking.concessions c
        cross join lateral parking_private.concession_details(c.id) d
        where c.tenant_id = v_person.tenant_id
          and (list_concessions.lot is null or c.lot_id is null or c.lot_id = list_concessions.lot)
          and (c.valid_until is null or c.valid_until > v_now and c.valid_until > c.valid_from)
        order by c.id;
end
$$;

comment on function parking.list_concessions(bigint, bigint) is
$$The season passes and discounts that are valid or will be, of all lots or of those that count in one.

Problems: unknown-actor, not-permitted, unknown-lot.

Example:
    select (parking.grant_concession(parking.find_person('operator@parking.com'), 'season-pass', 1, plate => 'B-AB 123', percent => 50)).plate;
     plate
    --------
     BAB123
    (1 row)

    select kind, person, plate, percent from parking.list_concessions(parking.find_person('operator@parking.com'), 1);
        kind     | person | plate  | percent
    -------------+--------+--------+---------
     season-pass |        | BAB123 |      50
    (1 row)$$;

grant execute on function parking.list_concessions(bigint, bigint) to parking_service, parking_dba;

commit;
