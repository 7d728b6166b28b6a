-- Revert parking:garage_figures from pg

begin;

drop function parking.list_tickets(bigint, bigint, date, date);
drop function parking.revenue_by_tariff(bigint, bigint, date, date);
drop function parking.stays_by_length(bigint, bigint, date, date);
drop function parking.garage_report(bigint, bigint, date, date);
drop function parking_private.reported(bigint, bigint, date, date);
drop function parking_private.judge_days(date, date);
drop function parking.overstays(bigint, bigint);
drop function parking.list_activities(bigint, bigint, integer);
drop function parking.garage_stats(bigint, bigint);
drop function parking_private.in_hours(numeric);
drop function parking_private.day_starts(date, text);

commit;
