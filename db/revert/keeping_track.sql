-- Revert parking:keeping_track from pg

begin;

drop function parking.holders(bigint[], bigint[], timestamptz[]);
drop function parking.show_reservation(bigint, bigint);

commit;
