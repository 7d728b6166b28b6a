-- Revert parking:sessions from pg

begin;

drop table parking_private.attempts;
drop table parking_private.limits;
drop table parking_private.session_rules;
drop type parking.admission;
drop table parking.refresh_tokens;
drop table parking.sessions;

commit;
