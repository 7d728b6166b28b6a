-- Deploy parking:manual to pg
-- requires: context

begin;

set local role parking_owner;

create function parking.help(name text default null)
    returns table (
        call   text,
        manual text
    )
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return query
        select format('%s(%s)', p.proname, pg_get_function_arguments(p.oid)),
               case
                   when help.name is null then split_part(obj_description(p.oid, 'pg_proc'), E'\n', 1)
                   else obj_description(p.oid, 'pg_proc')
               end
        from pg_proc p
        where p.pronamespace = 'parking'::regnamespace
          and (help.name is null or p.proname = help.name)
        order by p.proname;
    if not found then
        perform parking_private.refuse('unknown-function', format('parking has no function %s.', quote_literal(name)));
    end if;
end
$$;

comment on function parking.help(text) is
$$The manual: every function with its first sentence; with a name, the whole text about that one.

In psql, \pset format wrapped or \x makes it easy to read.

Problems: unknown-function.

Example:
    select call from parking.help('complete');
                        call
    --------------------------------------------
     complete(actor bigint, reservation bigint)
    (1 row)$$;

grant execute on function parking.help(text) to parking_dba;

commit;
