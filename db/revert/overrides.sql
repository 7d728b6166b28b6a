-- Revert parking:overrides from pg

begin;

drop view parking.spot_overrides;
drop type parking.spot_condition;
drop table parking.overrides;
drop table parking_private.spot_state_transitions;
drop table parking_private.spot_states;

commit;
