-- Revert parking:announcing from pg

begin;

drop function parking.begin_epoch();
drop function parking.events_after(text, bigint, pg_snapshot, integer);
drop function parking.event_cursor();
drop function parking_private.read_cursor(text);
drop function parking_private.write_cursor(integer, pg_snapshot, pg_snapshot, bigint);
drop function parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz);

commit;
