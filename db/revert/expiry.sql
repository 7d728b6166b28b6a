-- Revert parking:expiry from pg

begin;

drop procedure parking.sweep(integer);
drop function parking.expire_old(bigint, integer);
drop function parking.release_stale(integer);
drop function parking_private.require_rows(integer);
drop function parking_private.release_due(bigint, integer, timestamptz);
drop function parking_private.release_overdue(bigint, bigint, timestamptz);
drop function parking_private.release(bigint, bigint[], timestamptz);

commit;
