-- Revert parking:capacity from pg

begin;

drop function parking_private.is_full(parking.lots, timestamptz, timestamptz, timestamptz);
drop function parking_private.require_nobody_inside(parking.lots);
drop function parking_private.require_capacity(bigint, bigint, timestamptz, timestamptz, timestamptz, bigint);
drop function parking_private.most_inside(parking.garages, timestamptz, timestamptz, timestamptz, bigint);
drop function parking_private.hold_garage(bigint, bigint);

commit;
