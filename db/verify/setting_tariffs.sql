-- Verify parking:setting_tariffs on pg

begin;

-- A restarted sequence goes back to where it was with the transaction, so that nothing here uses up a number.
alter sequence parking.tariffs_id_seq restart with 9000000000000000;

do $$
declare
    v_one parking.tariff_details;
    v_two parking.tariff_details;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');

    v_one := parking.set_tariff(-2, -1, 'Day', price_cents => 250);
    begin
        perform parking.set_tariff(-2, -1, 'Other', price_cents => 300);
        assert false, 'two that apply at once must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.set_tariff(-1, -1, 'Night', price_cents => 300, priority => 1);
        assert false, 'a driver must not set tariffs';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (select priced from parking.lots where id = -1), 'bookings know that it has tariffs';
    v_two := parking.set_tariff(-2, -1, 'Day', price_cents => 300, valid_from => '2150-01-01 00:00+00');
    assert (select array_agg(t.id) = array[v_one.id, v_two.id] from parking.list_tariffs(-1) t), 'two versions, one after the other';
    assert (select t.valid_until = v_two.valid_from from parking.list_tariffs(-1) t where t.id = v_one.id);
    assert (parking.retire_tariff(-2, v_one.id)).valid_until <= parking.clock();
    assert (select array_agg(t.id) = array[v_two.id] from parking.list_tariffs(-1) t);
    assert (select array_agg(action order by id) = '{tariff.set,tariff.set,tariff.retired}' from parking.audit where tenant_id = -1);
end
$$;

rollback;
