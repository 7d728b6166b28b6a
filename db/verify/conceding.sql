-- Verify parking:conceding on pg

begin;

-- A restarted sequence goes back to where it was with the transaction, so that nothing here uses up a number.
alter sequence parking.concessions_id_seq restart with 9000000000000000;

do $$
declare
    v_pass parking.concession_details;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');

    v_pass := parking.grant_concession(-2, 'season-pass', -1, plate => 'b-ab 123');
    assert v_pass.plate = 'BAB123' and v_pass.percent = 100;
    begin
        perform parking.grant_concession(-1, 'discount', person => -1);
        assert false, 'a driver must not grant a discount';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    begin
        perform parking.grant_concession(-2, 'season-pass', person => -1);
        assert false, 'a season pass without a lot must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert (select array_agg(c.id) = array[v_pass.id] from parking.list_concessions(-2, -1) c);
    assert (parking.end_concession(-2, v_pass.id)).valid_until <= parking.clock();
    assert (select count(*) = 0 from parking.list_concessions(-2) c);
end
$$;

rollback;
