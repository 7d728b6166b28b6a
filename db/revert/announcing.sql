-- Revert parking:announcing from pg

begin;

drop function parking.events_after(pg_snapshot);
drop function parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz);

commit;
