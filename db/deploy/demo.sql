-- Deploy parking:demo to pg
-- requires: signing_in
-- requires: availability
-- requires: building
-- requires: garage_figures

begin;

set local role parking_owner;

create function parking_private.seed_people(domain text)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_tenant constant bigint := parking_private.current_tenant();
    -- One hash for all of them: everybody knows the password anyway, and each takes its time.
    v_hash   constant text := extensions.crypt('password123', extensions.gen_salt('bf', 10));
begin
    insert into parking.people (tenant_id, email, display_name, password_hash)
    select v_tenant, p.name || '@' || domain, p.display_name, v_hash
    from (values (1, 'driver1', 'Driver One'), (2, 'driver2', 'Driver Two'), (3, 'operator', 'Olga Operator'), (4, 'admin', 'Adam Admin'))
        p(n, name, display_name)
    order by p.n;
    insert into parking.memberships (tenant_id, person_id, role)
    select v_tenant, p.id, rtrim(split_part(p.email, '@', 1), '12') from parking.people p where p.tenant_id = v_tenant;
end
$$;

comment on function parking_private.seed_people(text) is 'Two drivers, an operator and an admin for the tenant that was entered.';


create function parking.seed_demo()
    returns table (
        tenant text,
        lot    text,
        spots  bigint
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
        update parking.tenants t set registration = 'open' where t.id = v_tenant;

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

        perform parking_private.seed_people('parking.com');
        with person as (
            insert into parking.people (tenant_id, email, display_name, password_hash)
            select v_tenant, 'platform@parking.com', 'Pat Platform', p.password_hash
            from parking.people p
            where p.tenant_id = v_tenant and p.email = 'admin@parking.com'
            returning id
        )
        insert into parking.memberships (tenant_id, person_id, role) select v_tenant, p.id, 'platform' from person p;

        perform parking.build_lot(parking.find_person('operator@parking.com'), 'Central Garage', 'Europe/Berlin',
            layout => (
                select jsonb_agg(f.layout order by f.n)
                from (
                    -- On each floor the first row is for wheelchairs, the second one charges, the last one is narrow.
                    select n, jsonb_build_object('name', 'Level ' || n, 'rows', jsonb_agg(
                        jsonb_build_object('spots', 50, 'length_cm', 500) || case m
                            when 1 then '{"type": "handicap", "width_cm": 350}'
                            when 2 then '{"type": "ev", "width_cm": 260}'
                            when 10 then '{"type": "compact", "width_cm": 230}'
                            else '{"type": "regular", "width_cm": 250}'
                        end::jsonb order by m)) as layout
                    from generate_series(1, 3) n, generate_series(1, 10) m
                    group by n
                ) f
            ),
            address => 'Alexanderplatz 1, 10178 Berlin', latitude => 52.5219, longitude => 13.4132,
            amenities => '{covered,cctv,ev-charging,lift,step-free}');

        perform parking_private.found_tenant('riverside', 'Riverside Parking');
        perform parking_private.seed_people('riverside.com');
        perform parking.build_lot(parking.find_person('operator@riverside.com', 'riverside'), 'Station', 'Europe/London', rows => 2, spots => 10,
            address => 'Station Road, London', opening_hours => 'Mo-Sa 06:00-23:00');

        -- The garage comes last: lots 1 to 3 and their spots keep their numbers, and who books there does not wait for its desk.
        select b.id into strict v_lot
        from parking.build_lot(parking.find_person('operator@parking.com'), 'Ostbahnhof', 'Europe/Berlin', rows => 2, spots => 5,
            address => 'Am Ostbahnhof 9, 10243 Berlin', latitude => 52.5103, longitude => 13.4348) b;
        -- Since the clocks began, so that no stay that somebody tries is without a price.
        with tariff as (
            insert into parking.tariffs (tenant_id, lot_id, name, currency, valid_from)
            values (v_tenant, v_lot, 'Standard', 'EUR', '2000-01-01 00:00+00')
            returning tenant_id, id
        )
        insert into parking.tariff_tiers (tenant_id, tariff_id, from_minutes, increment_minutes, price_cents)
        select t.tenant_id, t.id, 0, 60, 1000 from tariff t;
        insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (v_tenant, v_lot, 140, 14400);
        update parking.lots l set priced = true, walk_ins = true where l.tenant_id = v_tenant and l.id = v_lot;
        with person as (
            insert into parking.people (tenant_id, email, display_name, password_hash)
            select v_tenant, 'attendant@parking.com', 'Atti Attendant', p.password_hash
            from parking.people p
            where p.tenant_id = v_tenant and p.email = 'admin@parking.com'
            returning id
        )
        insert into parking.memberships (tenant_id, person_id, role) select v_tenant, p.id, 'attendant' from person p;
    end if;

    for v_tenant in select t.id from parking_private.all_tenants() t(id) loop
        perform parking_private.enter_tenant(v_tenant);
        return query
            select t.slug, l.name, (select count(*) from parking.spots s where s.tenant_id = l.tenant_id and s.lot_id = l.id)
            from parking.lots l
            join parking.tenants t on t.id = l.tenant_id
            where l.tenant_id = v_tenant and t.slug in ('default', 'riverside')
            order by l.id;
    end loop;
end
$$;

comment on function parking.seed_demo() is
$$Two tenants to try everything on: default, with a lot of five spots, one of 1500 and a garage, and riverside.

The garage, Ostbahnhof, has 140 spaces, at 10.00 for each started hour; ten of its spots can be booked.

In default everybody may register; there are driver1@parking.com, driver2@…, operator@… and admin@parking.com, platform@parking.com, who founds tenants, and
attendant@parking.com, who sits at the desk of the garage; in riverside the first four, @riverside.com. The password of them all is password123, so never call it in production: everybody
knows it. Where the tenant "default" exists already it changes nothing.

Example:
    select * from parking.seed_demo();
      tenant   |      lot       | spots
    -----------+----------------+-------
     default   | Demo Garage    |     5
     default   | Central Garage |  1500
     default   | Ostbahnhof     |    10
     riverside | Station        |    20
    (4 rows)$$;

grant execute on function parking.seed_demo() to parking_dba;

commit;
