-- Revert parking:listing from pg

begin;

drop function parking.list_reservations(
    bigint, text, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, bigint, text, integer);
drop function parking_private.find_page(
    parking.people, text, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz);
drop function parking_private.find_page_of_lots(
    parking.people, bigint, text, text, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz);
drop function parking_private.find_page_of_person(
    parking.people, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz);
drop function parking_private.find_page_of_spot(
    parking.people, bigint, bigint, text, text, timestamptz, timestamptz, timestamptz, timestamptz, bigint, text, integer, timestamptz);
drop function parking_private.period_of(text, timestamptz, timestamptz, timestamptz);
drop function parking_private.judge_filter(text, text, text[]);

commit;
