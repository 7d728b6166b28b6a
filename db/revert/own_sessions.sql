-- Revert parking:own_sessions from pg

begin;

drop function parking.end_session(bigint, uuid);
drop function parking.my_sessions(bigint);

commit;
