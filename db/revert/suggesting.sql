-- Revert parking:suggesting from pg

begin;

drop function parking.alternatives(bigint, timestamptz, timestamptz, bigint, integer);
drop function parking.check_spot(bigint, timestamptz, timestamptz, bigint);
drop function parking_private.later_periods(parking.lots, bigint, timestamptz, timestamptz, timestamptz, timestamptz, integer);
drop function parking_private.later_starts(parking.lots, bigint, timestamptz, timestamptz, timestamptz, timestamptz);
drop function parking_private.is_slot(parking.lots, timestamptz, timestamptz);
drop function parking_private.other_spots(parking.lots, bigint, timestamptz, timestamptz, timestamptz, integer);
drop function parking_private.judge_period_at(parking.lots, timestamptz, timestamptz, timestamptz);
drop function parking_private.visit_spot(bigint, bigint);

commit;
