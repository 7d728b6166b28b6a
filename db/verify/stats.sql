-- Verify parking:stats on pg

begin;

do $$
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'Europe/Berlin');
    assert (select total_reservations = 0 and peak_hour is null and spots = 0 from parking.stats(-1));
    assert has_function_privilege('parking_service', 'parking.stats(bigint)', 'execute');
    assert not has_function_privilege('public', 'parking.stats(bigint)', 'execute');
end
$$;

rollback;
