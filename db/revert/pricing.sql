-- Revert parking:pricing from pg

begin;

drop function parking.quote(bigint, timestamptz, timestamptz, text, text, bigint, bigint, text);
drop function parking.slot_prices(bigint, date, bigint, text);
drop function parking_private.quote_booking(parking.people, bigint, text, timestamptz, timestamptz);
drop function parking_private.quote_for(parking.lots, bigint, text, timestamptz, timestamptz);
drop function parking_private.quote_total(parking.lots, timestamptz, timestamptz, text, text, bigint, text);
drop function parking_private.quote_lines(parking.lots, timestamptz, timestamptz, text, text, bigint, text);
drop function parking_private.charges(parking.lots, timestamptz, timestamptz, text, text, bigint, text);
drop function parking_private.started_increments(interval, integer);
drop function parking_private.judge_stay(timestamptz, timestamptz);
drop function parking_private.line_in_words(text, text, date, integer, numeric, bigint, integer);
drop function parking_private.increments_in_words(bigint, integer, bigint, integer);
drop function parking_private.length_in_words(integer);
drop function parking_private.money(bigint);
drop function parking_private.tariff_segments(parking.lots, timestamptz, timestamptz, text, text, bigint, text);
drop function parking_private.season_passes(parking.lots, bigint, text);
drop function parking_private.has_tariff(parking.lots, timestamptz, timestamptz, text, text);
drop function parking_private.tariffs_in(parking.lots, timestamptz, timestamptz, text, text);
drop function parking_private.passed_for_good(timestamp, text);
drop function parking_private.clock_changes(text, timestamptz, timestamptz);

commit;
