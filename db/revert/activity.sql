-- Revert parking:activity from pg

begin;

drop function parking.list_activity(bigint, text, integer);
drop function parking_private.read_activity_cursor(text);
drop view parking.activity;

commit;
