-- Revert parking:expecting from pg

begin;

drop function parking.expect(bigint, text, bigint, text[]);
drop function parking_private.hold_reservation(bigint, bigint);
drop function parking.version(jsonb);

commit;
