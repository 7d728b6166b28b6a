-- Deploy parking:auditing to pg
-- requires: audit

begin;

set local role parking_owner;

create function parking_private.audit(
    actor       bigint,
    action      text,
    object_type text,
    object_id   bigint,
    details     jsonb default '{}'
)
    returns void
    language sql
    volatile
begin atomic
    insert into parking.audit (tenant_id, at, actor_id, database_role, address, action, object_type, object_id, details)
    values (parking_private.current_tenant(), parking.clock(), audit.actor, session_user,
        -- A DBA may say anything in this setting.
        case when not pg_has_role(session_user, 'parking_dba', 'member') then nullif(current_setting('parking.address', true), '')::inet end,
        audit.action, audit.object_type, audit.object_id, audit.details);
end;

comment on function parking_private.audit(bigint, text, text, bigint, jsonb) is
    'Append to the audit of the tenant that was entered; the address is what the service told parking.session() or parking.sign_in(), and none for a DBA.';

commit;
