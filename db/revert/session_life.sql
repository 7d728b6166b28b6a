-- Revert parking:session_life from pg

begin;

drop function parking.tidy_sessions();
drop function parking.keep_sessions(interval, interval);
drop function parking.sign_out(uuid);
drop function parking.session_of(text);
drop function parking.refresh(text, inet);
drop function parking_private.end_sessions(parking.people, text, uuid);
drop function parking_private.admit(text, parking.people, parking.sessions, timestamptz);
drop function parking_private.permissions_of(parking.people);
drop function parking_private.roles_of(parking.people);
drop function parking_private.hash_token(text);
drop function parking_private.find_tenant_of_token(bytea);
drop function parking_private.find_tenant_of_session(uuid);
drop function parking.ended_sessions(uuid[]);
drop function parking.session(uuid, inet);

commit;
