-- Revert parking:granting from pg

begin;

drop function parking.revoke_role(bigint, text, bigint);
drop function parking.assign_role(bigint, text, bigint);
drop function parking_private.require_grantable(text, parking.people);
drop function parking.list_roles();

commit;
