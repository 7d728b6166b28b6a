-- Revert parking:core from pg

begin;

drop table parking_private.time_zones;
drop table parking_private.clock_shift;
alter default privileges for role parking_owner grant execute on functions to public;
drop extension pgcrypto;
drop extension btree_gist;
drop schema extensions;
drop schema parking_private;
drop schema parking;

commit;
