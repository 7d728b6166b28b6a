-- Deploy parking:checking_passes to pg
-- requires: passes
-- requires: changing
-- requires: overriding
--
-- A driver asks for a pass and shows it; whoever stands at the lot checks it. A code is as good as 128 bits that nobody can
-- guess, so whoever has it learns which spot it is for and when. Who the driver is, only those learn who run the lot.

begin;

set local role parking_owner;

create function parking_private.find_tenant_of_pass(code text)
    returns bigint
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return (select p.tenant_id from parking.passes p where p.code = find_tenant_of_pass.code);
end
$$;

comment on function parking_private.find_tenant_of_pass(text) is 'Whose pass this is; null: there is none.';


create function parking.issue_pass(
    actor       bigint,
    reservation bigint
)
    returns text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person  constant parking.people := parking_private.require_actor(actor, 'read:own_data');
    v_booking constant parking.bookings := parking_private.require_booking(v_person, reservation);
begin
    insert into parking.passes (tenant_id, reservation_id, code, issued_at)
    values (v_booking.tenant_id, v_booking.id, translate(encode(extensions.gen_random_bytes(16), 'base64'), '+/=', '-_'),
        parking.clock())
    on conflict (tenant_id, reservation_id) do nothing;
    return (select p.code from parking.passes p where p.tenant_id = v_booking.tenant_id and p.reservation_id = v_booking.id);
end
$$;

comment on function parking.issue_pass(bigint, bigint) is
$$The code to show at the lot for one's own reservation: 22 letters that fit into an address, the same ones each time.

Problems: unknown-actor, not-permitted, unknown-reservation, not-your-reservation.

Example:
    select length(parking.issue_pass(parking.find_person('driver1@parking.com'), b.id)) as letters
    from parking.book(parking.find_person('driver1@parking.com'), 4, 'tomorrow 08:00', 'tomorrow 12:00') b;
     letters
    ---------
          22
    (1 row)$$;

grant execute on function parking.issue_pass(bigint, bigint) to parking_service, parking_dba;


create function parking.check_pass(
    code  text,
    actor bigint default null
)
    returns parking.pass_check
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant constant bigint := parking_private.find_tenant_of_pass(code);
    v_now    constant timestamptz := parking.clock();
    v_check  parking.pass_check;
begin
    perform parking_private.enter_tenant(v_tenant);
    select case
               when r.status <> 'active' and r.ended_at < r.ends then 'ended'
               when r.ends <= v_now then 'over'
               when r.starts > v_now then 'early'
               else 'valid'
           end,
           r.id, r.status, l.id, l.name, s.id, s.name, s.type, r.starts, r.ends, r.ended_at, l.time_zone, q.display_name
    into v_check
    from parking.passes p
    join parking.reservations r on r.tenant_id = p.tenant_id and r.id = p.reservation_id
    join parking.spots s on s.tenant_id = r.tenant_id and s.id = r.spot_id
    join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
    join parking.people q on q.tenant_id = r.tenant_id and q.id = r.person_id
    where p.tenant_id = v_tenant and p.code = check_pass.code;
    if not found then
        perform parking_private.refuse('unknown-pass', 'There is no such pass.');
    end if;
    if not parking_private.knows_reasons(actor, v_tenant) then
        v_check.driver := null;
    end if;
    return v_check;
end
$$;

comment on function parking.check_pass(text, bigint) is
$$What a pass is good for at this moment: early, valid, over (the period has passed) or ended (cancelled or completed before that).

It tells the lot, the spot and the period to whoever has the code, and the driver's name to operators of the tenant only.

Problems: unknown-pass.

Example:
    select c.state, c.lot, c.spot, c.driver is null as nameless
    from parking.book(parking.find_person('driver1@parking.com'), 5, 'tomorrow 08:00', 'tomorrow 12:00') b
    cross join lateral parking.issue_pass(parking.find_person('driver1@parking.com'), b.id) p(code)
    cross join lateral parking.check_pass(p.code, parking.find_person('driver2@parking.com')) c;
     state |     lot     |  spot  | nameless
    -------+-------------+--------+----------
     early | Demo Garage | Spot 5 | t
    (1 row)

    select * from parking.check_pass('AAAAAAAAAAAAAAAAAAAAAA');
    ERROR:  There is no such pass.
    DETAIL:  No such pass
    HINT:  Scan it again, or ask the driver to show the reservation.$$;

grant execute on function parking.check_pass(text, bigint) to parking_service, parking_dba;

-- Only a superuser may give an object away.
reset role;
alter function parking_private.find_tenant_of_pass(text) owner to parking_platform;
grant execute on function parking_private.find_tenant_of_pass(text) to parking_owner;

commit;
