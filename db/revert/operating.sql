-- Revert parking:operating from pg

begin;

drop function parking.figures();
drop function parking_private.measure_use();
drop function parking_private.tally();
drop function parking_private.count_events(integer, pg_snapshot);
drop function parking.readiness(text, timestamptz);
drop function parking_private.has_scheduler();
revoke select on parking.reservations from parking_platform;
revoke select on sqitch.changes from parking_platform;
revoke usage on schema sqitch from parking_platform;

commit;
