-- Verify parking:garage_figures on pg

begin;

do $$
declare
    v_now   constant timestamptz := parking.clock();
    v_today constant date := (v_now at time zone 'UTC')::date;
    v_day   constant timestamptz := v_today::timestamp at time zone 'UTC';
    v_stats record;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone, walk_ins) overriding system value values (-1, -1, 'One', 'UTC', true);
    insert into parking.garages (tenant_id, lot_id, spaces, assumed_stay_seconds) values (-1, -1, 10, 14400);
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by)
    values (-1, -1, 1, 'A1', 'Car', v_now - interval '5 hours', -1), (-1, -1, 2, 'A2', 'Car', v_now, -1);
    insert into parking.tickets (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by, status, left_at, left_by, amount_cents, currency, method)
    values (-1, -1, 3, 'A3', 'Car', v_day - interval '50 minutes', -1, 'paid', v_day, -1, 1000, 'EUR', 'Cash'),
           (-1, -1, 4, 'A4', 'Car', v_day - interval '2 hours', -1, 'paid', v_day - interval '1 hour', -1, 1000, 'EUR', 'Cash');
    insert into parking.ticket_lines (tenant_id, ticket_id, position, kind, line, quantity, unit_cents, amount_cents)
    values (-1, 3, 1, 'started', '1 started hour', 1, 1000, 1000), (-1, 4, 1, 'started', '1 started hour', 1, 1000, 1000);
    insert into parking.payments (tenant_id, lot_id, ticket_id, position, kind, method, amount_cents, currency, at, actor_id)
    values (-1, -1, 3, 1, 'payment', 'Cash', 1000, 'EUR', v_day, -1), (-1, -1, 4, 1, 'payment', 'Cash', 1000, 'EUR', v_day - interval '1 hour', -1);

    select s.total_spaces, s.occupied_spaces, s.available_spaces, s.overstaying, s.todays_revenue_cents, s.vehicles_processed_today,
           s.average_stay_seconds, s.average_stay_hours, s.occupied_percent
    into v_stats
    from parking.garage_stats(-1, -1) s;
    assert v_stats = row(10, 2, 8, 1, 1000::bigint, 1::bigint, 3000::bigint, 0.8, 20), 'what left yesterday is not of today';
    assert (select array_agg(ticket_number) = '{PS-0002}' from parking.list_activities(-1, -1, 1));
    assert (select array_agg(ticket_number) = '{PS-0001}' from parking.overstays(-1, -1));
    assert (select array_agg(revenue_cents order by day) = '{1000,1000,0}' from parking.garage_report(-1, -1, v_today - 1, v_today + 1));
    assert (select array_agg(stays order by from_minutes) = '{0,1,1,0,0,0,0}' from parking.stays_by_length(-1, -1, v_today - 1, v_today));
    assert (select sum(amount_cents) = 2000 from parking.revenue_by_tariff(-1, -1, v_today - 1, v_today));
    assert (select count(*) = 4 from parking.list_tickets(-1, -1, v_today - 1, v_today));
    assert has_function_privilege('parking_service', 'parking.garage_stats(bigint, bigint)', 'execute');
end
$$;

rollback;
