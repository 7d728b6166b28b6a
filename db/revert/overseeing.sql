-- Revert parking:overseeing from pg

begin;

drop function parking.list_events(bigint, bigint, bigint, integer);
drop function parking.inspect_spots(bigint, bigint, bigint, integer, integer);
drop function parking.count_states(bigint, bigint);
drop function parking.day_peaks(bigint, date, bigint);
drop function parking.day_figures(bigint, date, bigint);
drop function parking.day_course(bigint, date, bigint);
drop function parking_private.held_spots(parking.lots, timestamptz, timestamptz);
drop function parking_private.local_day(parking.lots, date, timestamptz);
drop function parking_private.oversee_lot(bigint, bigint);

commit;
