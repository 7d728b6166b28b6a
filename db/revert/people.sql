-- Revert parking:people from pg

begin;

drop view parking.members;
drop table parking.memberships;
drop table parking_private.role_permissions;
drop table parking_private.roles;
drop table parking_private.permissions;
drop table parking.people;

commit;
