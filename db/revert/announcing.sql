-- Revert parking:announcing from pg

begin;

drop function parking.begin_epoch();
drop function parking.events_after(text, bigint, text, integer);
drop function parking_private.resume_reading(integer, pg_snapshot, pg_snapshot, bigint, bigint, bigint, integer);
drop function parking_private.begin_reading(integer, pg_snapshot, pg_snapshot, bigint, integer);
drop function parking_private.last_of_reading(integer, pg_snapshot, pg_snapshot, bigint);
drop function parking_private.events_between(integer, pg_snapshot, pg_snapshot);
drop function parking.event_cursor();
drop function parking_private.read_cursor(text);
drop function parking_private.write_cursor(text, text, bigint, bigint);
drop function parking_private.settled_snapshot(integer, xid8);
drop function parking_private.announce_lot(bigint);
drop function parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz);

commit;
