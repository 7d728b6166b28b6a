-- Revert parking:finding from pg

begin;

drop function parking.watch_rows(bigint, date, bigint, text);
drop function parking.overview(bigint, date, bigint, bigint, text);
drop function parking_private.count_rows(parking.lots, date, timestamptz, bigint, text);
drop function parking.watch_section(bigint, date, bigint, bigint, integer, text);
drop function parking.board_section(bigint, date, bigint, bigint, bigint, integer, text);
drop function parking.find_view(bigint, text, bigint, bigint, bigint, integer, text);
drop function parking.find_lots(text, text, bigint, integer);
drop function parking_private.chosen_spots(parking.lots, bigint, bigint, integer, text);
drop function parking_private.sections(parking.lots, bigint, bigint, integer, text);
drop function parking_private.section_size(parking.lots);

commit;
