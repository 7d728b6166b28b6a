-- Deploy parking:demo to pg
-- requires: signing_in
-- requires: availability

begin;

set local role parking_owner;

create function parking.seed_demo()
    returns table (
        lot    text,
        spots  bigint,
        driver text
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_tenant bigint;
    v_lot    bigint;
    v_floor  bigint;
    v_row    bigint;
begin
    -- Two calls at once must not make two demos.
    lock table parking.tenants in share row exclusive mode;

    v_tenant := parking_private.tenant_of('default');
    if v_tenant is null then
        v_tenant := parking_private.found_tenant('default', 'Demo City');

        insert into parking.lots (tenant_id, name, address, time_zone, latitude, longitude)
        values (v_tenant, 'Demo Garage', 'Invalidenstraße 50, 10557 Berlin', 'Europe/Berlin', 52.5286, 13.3725)
        returning id into v_lot;
        insert into parking.floors (tenant_id, lot_id, name, position)
        values (v_tenant, v_lot, 'Ground floor', 1)
        returning id into v_floor;
        insert into parking.rows (tenant_id, lot_id, floor_id, name, position)
        values (v_tenant, v_lot, v_floor, 'Row A', 1)
        returning id into v_row;
        insert into parking.spots (tenant_id, lot_id, row_id, name, type, position)
        select v_tenant, v_lot, v_row, 'Spot ' || n, case n when 3 then 'handicap' else 'regular' end, n
        from generate_series(1, 5) n
        order by n;
        insert into parking.time_slots (tenant_id, lot_id, starts, ends)
        values (v_tenant, v_lot, '08:00', '12:00'),
               (v_tenant, v_lot, '12:00', '16:00'),
               (v_tenant, v_lot, '16:00', '20:00');

        insert into parking.people (tenant_id, email, display_name, password_hash)
        values (v_tenant, 'driver1@parking.com', 'Driver One', extensions.crypt('password123', extensions.gen_salt('bf', 10))),
               (v_tenant, 'driver2@parking.com', 'Driver Two', extensions.crypt('password123', extensions.gen_salt('bf', 10)));
        insert into parking.memberships (tenant_id, person_id, role)
        select v_tenant, p.id, 'driver' from parking.people p where p.tenant_id = v_tenant;
    end if;

    perform parking_private.enter_tenant(v_tenant);
    return query
        select l.name, (select count(*) from parking.spots s where s.tenant_id = l.tenant_id and s.lot_id = l.id), p.email
        from parking.lots l
        join parking.people p on p.tenant_id = l.tenant_id
        where l.tenant_id = v_tenant
          and p.email in ('driver1@parking.com', 'driver2@parking.com')
        order by l.id, p.email;
end
$$;

comment on function parking.seed_demo() is
$$A lot to try everything on, of five spots and three slots a day, and two drivers whose password is password123.

Never call it in production: everybody knows the password. Where the tenant "default" exists already it changes nothing.

Example:
    select * from parking.seed_demo();
         lot     | spots |       driver
    -------------+-------+---------------------
     Demo Garage |     5 | driver1@parking.com
     Demo Garage |     5 | driver2@parking.com
    (2 rows)$$;

grant execute on function parking.seed_demo() to parking_dba;

commit;
