-- Verify parking:laying_out on pg

begin;

do $$
declare
    v_table text;
    v_lot   parking.lots;
    v_floor parking.floors;
begin
    -- A restarted sequence goes back to where it was with the transaction, so that nothing here uses up a number.
    for v_table in select unnest(array['lots', 'floors', 'rows', 'spots']) loop
        execute format('alter sequence %s restart with 9000000000000000', pg_get_serial_sequence('parking.' || v_table, 'id'));
    end loop;
    insert into parking.tenants (id, slug, name) overriding system value values (-1, 'verify', 'Verify');
    perform parking_private.enter_tenant(-1);
    insert into parking.lots (tenant_id, id, name, time_zone) overriding system value values (-1, -1, 'One', 'UTC') returning * into v_lot;
    perform parking_private.lay_out(v_lot, '[{"rows": 2, "spots": 3, "type": "ev"}, {"name": "Top", "rows": [{"prefix": "T", "spots": 1}]}]');
    assert (select array_agg(spot || ' ' || type order by spot_id) = '{1-A-01 ev,1-A-02 ev,1-A-03 ev,1-B-01 ev,1-B-02 ev,1-B-03 ev,T01 regular}'
            from parking.places where tenant = 'verify');
    select f.* into v_floor from parking.floors f where f.tenant_id = -1 and f.name = 'Top';
    perform parking_private.order_floors(v_lot, v_floor.id, 1);
    select f.* into v_floor from parking.floors f where f.tenant_id = -1 and f.name = 'Top';
    assert v_floor.position = 1 and parking_private.floor_number(v_floor) = 2, 'a floor keeps its number where it is moved';
    assert (select row_number = 702 from (select 702 as row_number, parking_private.row_letters(702) as letters) l where letters = 'ZZ');
    begin
        perform parking_private.lay_out(v_lot, '[{"spaces": 3}]');
        assert false, 'what is no layout must be refused';
    exception when sqlstate 'PK422' then
        null;  -- as it should be
    end;
    assert not has_function_privilege('parking_service', 'parking_private.lay_out(parking.lots, jsonb)', 'execute');
end
$$;

rollback;
