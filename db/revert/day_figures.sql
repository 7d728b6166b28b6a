-- Revert parking:day_figures from pg

begin;

drop function parking.day_peaks(bigint, date, bigint);
drop function parking.day_figures(bigint, date, bigint);
drop function parking.day_course(bigint, date, bigint);
drop function parking_private.held_spots(parking.lots, timestamptz, timestamptz);
drop function parking_private.local_day(parking.lots, date, timestamptz);

commit;
