-- Revert parking:roles from pg

begin;

-- Another parking database of this cluster may still need a role; then it stays.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['parking_dba', 'parking_reporting', 'parking_service', 'parking_viewer', 'parking_platform', 'parking_owner'] loop
        if exists (
            select from pg_shdepend d
            where d.refclassid = 'pg_authid'::regclass
              and d.refobjid = v_role::regrole
              and d.dbid <> (select oid from pg_database where datname = current_database())
        ) then
            raise notice 'role % is still used elsewhere in this cluster and stays', v_role;
        else
            execute format('drop owned by %I', v_role);
            execute format('drop role %I', v_role);
        end if;
    end loop;
end
$$;

commit;
