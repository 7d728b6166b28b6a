-- Revert parking:membership from pg

begin;

drop function parking.staff_desk(bigint, text, text);
drop function parking.find_person(text, text);
drop function parking_private.member(bigint);
drop function parking_private.require_another_admin(parking.people, parking.people);
drop function parking_private.lock_person(bigint, parking.people);
drop function parking_private.is_above_tenants(parking.people);
drop function parking_private.hash_password(text, text);
drop function parking_private.judge_password(text, text);
drop function parking_private.require_actor_or_dba(bigint, text, bigint);
drop function parking_private.require_actor(bigint, text);
drop function parking_private.require_person(bigint);
drop function parking_private.has_permission(parking.people, text);
drop function parking_private.find_actor(bigint, text);
drop function parking_private.permitted(text);
drop function parking_private.find_tenant_of_person(bigint);

commit;
