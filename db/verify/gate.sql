-- Verify parking:gate on pg

begin;

do $$
declare
    v_now constant timestamptz := parking.clock();
    v_one parking.ticket;
begin
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    insert into parking.people (tenant_id, id, email, display_name) overriding system value
    values (-1, -1, 'a@verify.example', 'A'), (-1, -2, 'b@verify.example', 'B'), (-1, -3, 'c@verify.example', 'C');
    insert into parking.memberships (tenant_id, person_id, role) values (-1, -1, 'driver'), (-1, -2, 'attendant'), (-1, -3, 'operator');
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC');

    begin
        perform parking.enter_garage(-2, -1, 'B-AB 123');
        assert false, 'a lot without a garage must be refused';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    begin
        perform parking.set_garage(-2, -1, 2);
        assert false, 'an attendant must not open a garage';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (parking.set_garage(-3, -1, 2)).assumed_stay = '4 hours';
    assert (parking.set_garage(-3, -1, assumed_stay_hours => 1.25)).spaces = 2, 'what is left out stays';
    assert (select walk_ins from parking.lots where id = -1), 'bookings know that it has walk-ins';
    assert (parking.find_garage(-1)).spaces = 2;

    v_one := parking.enter_garage(-2, -1, 'b-ab 123');
    assert v_one.ticket_number = 'PS-0001' and v_one.plate = 'BAB123' and v_one.status = 'open' and v_one.entered_at >= v_now;
    begin
        perform parking.enter_garage(-2, -1, 'BAB 123');
        assert false, 'a vehicle that is inside must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.enter_garage(-1, -1, 'B-AB 124');
        assert false, 'a driver must not let vehicles in';
    exception when sqlstate 'PK403' then
        null;  -- as it should be
    end;
    assert (parking.enter_garage(-3, -1, 'B-AB 124', 'Van')).ticket_number = 'PS-0002', 'an operator may';
    begin
        perform parking.enter_garage(-2, -1, 'B-AB 125');
        assert false, 'a full garage must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    assert (parking.find_ticket(-2, 'ps-0001')).id = v_one.id;
    begin
        perform parking.find_ticket(-2, 'ps-0001', -2);
        assert false, 'at the desk of another garage it does not exist';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert (parking.look_up_ticket(-2, -1, 'b ab 124')).vehicle = 'Van';
    assert (parking.look_up_ticket(-2, null, 'ps 1')).time_zone = 'UTC', 'of the first garage, where none is named';
    assert (select array_agg(type order by id) = '{entered,entered}' from parking.events where tenant_id = -1 and spot_id is null);
    assert (select array_agg(action) = '{garage.set,garage.set}' from parking.audit where tenant_id = -1);
    assert has_function_privilege('parking_service', 'parking.enter_garage(bigint, bigint, text, text)', 'execute');
end
$$;

rollback;
