-- Verify parking:activity on pg

begin;

do $$
declare
    v_now timestamptz := parking.clock();
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value values (-1, -1, 'a@verify.example', 'A');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'admin');
    perform parking_private.enter_tenant(-1);
    perform parking_private.audit(-1, 'tenant.verified', 'tenant', -1);
    perform parking_private.announce(-1, 'booked', -1, -1, -7, -1, v_now, v_now + interval '1 hour', v_now);

    assert (select array_agg(action order by action) = '{reservation.booked,tenant.verified}' and bool_and(actor = 'a@verify.example')
            from parking.activity where tenant = 'verify');
    assert (select array_agg(action order by action) = '{reservation.booked,tenant.verified}' from parking.list_activity(-1));
    assert (select count(*) = 1
            from parking.list_activity(-1, (select cursor from parking.list_activity(-1, at_most => 1)))), 'it goes on behind the cursor';
    assert has_table_privilege('parking_reporting', 'parking.activity', 'select');
    assert not has_table_privilege('parking_service', 'parking.activity', 'select'), 'the service reads no view';
end
$$;

rollback;
