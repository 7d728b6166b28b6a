-- Revert parking:overriding from pg

begin;

drop function parking.set_spot_state(bigint, bigint, text, text, timestamptz);
drop function parking_private.judge_override(text, text, timestamptz, timestamptz);
drop function parking_private.hit_bookings(bigint, parking.lots, bigint, timestamptz, timestamptz);
drop function parking.find_spot_state(bigint, bigint);
drop function parking.list_spot_states(bigint, bigint);
drop function parking_private.knows_reasons(bigint, bigint);
drop function parking_private.conditions(parking.lots, bigint, timestamptz);

commit;
