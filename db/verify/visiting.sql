-- Verify parking:visiting on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify'), (-2, 'other', 'Other');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-2, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-2, -2, 'driver');
    insert into parking.lots (tenant_id, id, name, time_zone, public) overriding system value
    values (-1, -1, 'One', 'Europe/Berlin', true), (-1, -2, 'Two', 'UTC', false);
    insert into parking.floors (tenant_id, lot_id, id, name, position) overriding system value values (-1, -1, -1, 'Ground', 1);
    insert into parking.rows (tenant_id, lot_id, floor_id, id, name, position) overriding system value values (-1, -1, -1, -1, 'A', 1);
    insert into parking.spots (tenant_id, lot_id, row_id, id, name, position) overriding system value values (-1, -1, -1, -1, '1', 1);

    assert (select tenant_id = -1 and id = -1 from parking_private.find_tenant_of_lot(null, 'verify')), 'the first public one';
    assert (select tenant_id is null from parking_private.find_tenant_of_lot(-3, null));
    assert (select tenant_id = -1 and lot_id = -1 from parking_private.find_lot_of('spot', -1));
    assert (select tenant_id is null from parking_private.find_lot_of('row', -2));
    assert (parking_private.enter_lot(-1, null, null)).name = 'One', 'everybody may look at a public lot';
    assert parking_private.current_tenant() = -1, 'and is in its tenant then';
    assert (parking_private.enter_lot(-2, null, -1)).name = 'Two', 'its own people may look at any';
    begin
        perform parking_private.enter_lot(-2, null, -2);
        assert false, 'a stranger must not learn that there is a lot which is not public';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert (parking_private.visit_lot(-1, -2, -2)).id is null;

    assert (select parking_private.is_open(l, '2030-05-06 00:00+02', '2030-05-08 00:00+02') from parking.lots l where l.id = -1), 'always open';
    insert into parking.opening_hours (tenant_id, lot_id, weekday, opens, closes) values (-1, -1, 1, '18:00', '06:00'), (-1, -1, 2, '06:00', '24:00');
    assert (select parking_private.is_open(l, '2030-05-06 18:00+02', '2030-05-08 00:00+02')
                and not parking_private.is_open(l, '2030-05-06 17:59+02', '2030-05-06 19:00+02')
                and not parking_private.is_open(l, '2030-05-07 23:00+02', '2030-05-08 00:01+02')
            from parking.lots l where l.id = -1), 'a night and the day after it adjoin';
    assert (select parking_private.open_hours(l, '2030-05-07 12:00+02', '2030-05-07 13:00+02') = '{["2030-05-06 18:00+02","2030-05-08 00:00+02")}'
            from parking.lots l where l.id = -1), 'adjoining hours are one';
    assert (select parking_private.local_hours(l, '2030-05-06') = 'open 18:00–Wednesday 8 May, 00:00'
                and parking_private.local_hours(l, '2030-05-08') = 'closed all day'
            from parking.lots l where l.id = -1);
    perform parking_private.require_open(-1, -1, '2030-05-06 18:00+02', '2030-05-08 00:00+02');
    begin
        perform parking_private.require_open(-1, -1, '2030-05-06 18:00+02', '2030-05-08 00:01+02');
        assert false, 'a minute after the lot has closed must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert not has_function_privilege('parking_service', 'parking_private.find_tenant_of_lot(bigint, text)', 'execute'),
        'helpers are nobody''s';
end
$$;

rollback;
