-- Deploy parking:laying_out to pg
-- requires: placing
--
-- Floors, rows and spots out of a compact description, a JSON list of floors, and out of numbers; what they are called.

begin;

set local role parking_owner;

create function parking_private.lay_floor(
    lot  parking.lots,
    name text
)
    returns parking.floors
    language plpgsql
    volatile
as $$
#variable_conflict use_column
declare
    v_floor parking.floors;
begin
    perform parking_private.require_name('floor', lay_floor.name);
    insert into parking.floors as f (tenant_id, lot_id, name, position)
    select lot.tenant_id, lot.id, lay_floor.name, coalesce(max(o.position), 0) + 1
    from parking.floors o
    where o.tenant_id = lot.tenant_id and o.lot_id = lot.id
    on conflict (tenant_id, lot_id, lower(name)) where retired_at is null do nothing
    returning f.* into v_floor;
    if not found then
        perform parking_private.refuse_taken_name('floor', lay_floor.name);
    end if;
    return v_floor;
end
$$;

comment on function parking_private.lay_floor(parking.lots, text) is 'A new floor, above the others of its lot.';


create function parking_private.floor_number(floor parking.floors)
    returns bigint
    language sql
    stable
begin atomic
    select count(*) from parking.floors f where f.tenant_id = floor.tenant_id and f.lot_id = floor.lot_id and f.id <= floor.id;
end;

comment on function parking_private.floor_number(parking.floors) is
    'Which of all floors that its lot ever had this one is: no move, new name or retirement changes it, and no other floor of the lot has it.';


create function parking_private.row_letters(number bigint)
    returns text
    language sql
    immutable
    return case when number > 26 then chr(64 + ((number - 1) / 26)::integer) else '' end || chr(65 + ((number - 1) % 26)::integer);

comment on function parking_private.row_letters(bigint) is 'What the first 702 rows of a floor are called: A to Z, AA to ZZ.';


create function parking_private.read_layout_member(
    item text,
    part jsonb,
    most integer
)
    returns integer
    language plpgsql
    stable
as $$
begin
    if part is not null and (jsonb_typeof(part) <> 'number' or part::numeric not between 0 and most or part::numeric <> trunc(part::numeric)) then
        perform parking_private.refuse('not-a-layout', format('%s must be a whole number up to %s.', item, most));
    end if;
    return part::integer;
end
$$;

comment on function parking_private.read_layout_member(text, jsonb, integer) is 'A number in a layout; null where it is missing.';


create function parking_private.require_layout_item(
    item  jsonb,
    known text[]
)
    returns void
    language plpgsql
    stable
as $$
declare
    v_other text;
begin
    if jsonb_typeof(item) is distinct from 'object' then
        perform parking_private.refuse('not-a-layout', format('Each of the layout''s floors and rows is an object with some of: %s.', array_to_string(known, ', ')));
    end if;
    select m.key into v_other
    from jsonb_each(item) m
    where m.key <> all (known) or m.key in ('name', 'prefix', 'type') and jsonb_typeof(m.value) <> 'string'
    limit 1;
    if found then
        perform parking_private.refuse('not-a-layout', format('%s is not a text, or not one of: %s.', v_other, array_to_string(known, ', ')));
    end if;
end
$$;

comment on function parking_private.require_layout_item(jsonb, text[]) is 'Refuse what is no floor or row of a layout, and members that nobody would read.';


create function parking_private.lay_rows(
    floor  parking.floors,
    layout jsonb
)
    returns void
    language plpgsql
    volatile
as $$
#variable_conflict use_column
declare
    v_floor constant bigint := parking_private.floor_number(floor);
    v_last  constant integer := (
        select coalesce(max(r.position), 0) from parking.rows r where r.tenant_id = floor.tenant_id and r.floor_id = floor.id);
    v_item  jsonb;
    v_taken text;
begin
    if jsonb_array_length(lay_rows.layout) > 200 then
        perform parking_private.refuse('not-a-layout', 'A floor is laid out with up to 200 rows.');
    end if;
    for v_item in select l.item from jsonb_array_elements(lay_rows.layout) l(item) loop
        perform parking_private.require_layout_item(v_item, '{name,spots,prefix,type,length_cm,width_cm}');
        perform parking_private.require_name('row', coalesce(v_item ->> 'name', 'A'));
        if v_item ->> 'prefix' !~ '^[^[:cntrl:][:space:]][^[:cntrl:]]{0,99}$' then
            perform parking_private.refuse('not-a-name', 'The names of spots cannot begin like this.');
        end if;
        perform parking_private.read_layout_member('spots', v_item -> 'spots', 1000);
        perform parking_private.require_spot_kind(coalesce(v_item ->> 'type', 'regular'),
            parking_private.read_layout_member('length_cm', v_item -> 'length_cm', 3000),
            parking_private.read_layout_member('width_cm', v_item -> 'width_cm', 1000));
    end loop;

    with wanted as (
        select coalesce(l.item ->> 'name', parking_private.row_letters(l.number)) as name, v_last + l.number as place
        from jsonb_array_elements(lay_rows.layout) with ordinality l(item, number)
    ), laid as (
        insert into parking.rows as r (tenant_id, lot_id, floor_id, name, position)
        select floor.tenant_id, floor.lot_id, floor.id, w.name, w.place
        from wanted w
        order by w.place
        on conflict (tenant_id, floor_id, lower(name)) where retired_at is null do nothing
        returning r.position
    )
    select w.name into v_taken
    from wanted w
    where not exists (select from laid l where l.position = w.place)
    order by w.place
    limit 1;
    if found then
        perform parking_private.refuse_taken_name('row', v_taken);
    end if;

    with wanted as (
        select r.id as row_id, n as place, coalesce(l.item ->> 'type', 'regular') as type,
               coalesce(l.item ->> 'prefix', format('%s-%s-', v_floor, r.name))
                   || lpad(n::text, greatest(2, length((l.item -> 'spots')::integer::text)), '0') as name,
               (l.item -> 'length_cm')::integer as length_cm, (l.item -> 'width_cm')::integer as width_cm
        from jsonb_array_elements(lay_rows.layout) with ordinality l(item, number)
        join parking.rows r on r.tenant_id = floor.tenant_id and r.floor_id = floor.id and r.position = v_last + l.number
        cross join generate_series(1, (l.item -> 'spots')::integer) n
    ), laid as (
        insert into parking.spots as s (tenant_id, lot_id, row_id, name, type, length_cm, width_cm, position)
        select floor.tenant_id, floor.lot_id, w.row_id, w.name, w.type, w.length_cm, w.width_cm, w.place
        from wanted w
        order by w.row_id, w.place
        on conflict (tenant_id, lot_id, lower(name)) where retired_at is null do nothing
        returning s.row_id, s.position
    )
    select w.name into v_taken
    from wanted w
    where not exists (select from laid l where l.row_id = w.row_id and l.position = w.place)
    order by w.row_id, w.place
    limit 1;
    if found then
        perform parking_private.refuse_taken_name('spot', v_taken);
    end if;
end
$$;

comment on function parking_private.lay_rows(parking.floors, jsonb) is
    'Build the rows of a layout on a floor, behind those that it has, and fill them with spots, called by a prefix and a number of two digits or more.';


create function parking_private.lay_out(
    lot    parking.lots,
    layout jsonb
)
    returns void
    language plpgsql
    volatile
as $$
declare
    c_most  constant integer := 20000;
    v_item  jsonb;
    v_rows  jsonb;
    v_floor parking.floors;
    v_spots numeric := (
        select count(*) from parking.spots s where s.tenant_id = lot.tenant_id and s.lot_id = lot.id and s.retired_at is null);
begin
    if jsonb_typeof(layout) is distinct from 'array' or jsonb_array_length(layout) > 100 then
        perform parking_private.refuse('not-a-layout', 'A layout is a list of up to 100 floors.');
    end if;
    for v_item in select f.item from jsonb_array_elements(layout) f(item) loop
        perform parking_private.require_layout_item(v_item, '{name,rows,spots,type,length_cm,width_cm}');
        v_floor := parking_private.lay_floor(lot, coalesce(v_item ->> 'name', (
            select 'Floor ' || count(*) + 1 from parking.floors f where f.tenant_id = lot.tenant_id and f.lot_id = lot.id)));
        v_rows := v_item -> 'rows';
        if jsonb_typeof(v_rows) = 'array' and not v_item ?| '{spots,type,length_cm,width_cm}' then
            null;  -- each row says for itself what it has
        else
            -- So many rows, all alike.
            v_rows := coalesce((
                select jsonb_agg(v_item - '{name,rows}'::text[])
                from generate_series(1, parking_private.read_layout_member('rows', v_rows, 200))), '[]');
        end if;
        v_spots := v_spots + (
            select coalesce(sum((r.item ->> 'spots')::numeric), 0)
            from jsonb_array_elements(v_rows) r(item)
            where jsonb_typeof(r.item -> 'spots') = 'number');
        if v_spots > c_most then
            perform parking_private.refuse('not-a-layout', format('A lot has %s spots at most.', c_most));
        end if;
        perform parking_private.lay_rows(v_floor, v_rows);
    end loop;
end
$$;

comment on function parking_private.lay_out(parking.lots, jsonb) is 'Build the floors of a layout on a lot, above those that it has.';

commit;
