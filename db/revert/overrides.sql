-- Revert parking:overrides from pg

begin;

drop function parking_private.blocked(bigint, bigint, bigint, timestamptz, timestamptz, timestamptz);
drop view parking.spot_overrides;
drop table parking.overrides;
drop table parking_private.spot_state_transitions;
drop table parking_private.spot_states;

commit;
