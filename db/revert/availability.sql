-- Revert parking:availability from pg

begin;

drop function parking.free_spots(timestamptz, timestamptz, bigint, text, bigint);
drop function parking.list_spots(bigint, date, bigint, text);
drop function parking_private.spots_now(parking.lots, timestamptz);
drop function parking_private.watched_lot(bigint, date);
drop function parking.board(bigint, date, bigint);
drop function parking_private.require_day(date);
drop function parking_private.cells(parking.lots, date, timestamptz, bigint[]);
drop function parking_private.live_on(parking.lots, date, timestamptz, bigint[]);
drop function parking_private.slots_on(parking.lots, date);
drop function parking_private.slot_label(time, time);
drop function parking.lost_lots(bigint[], bigint[]);
drop function parking.find_lot(bigint, text, bigint);

commit;
