-- Revert parking:conceding from pg

begin;

drop function parking.list_concessions(bigint, bigint);
drop function parking.end_concession(bigint, bigint, timestamptz);
drop function parking.grant_concession(bigint, text, bigint, bigint, text, integer, timestamptz, timestamptz);
drop function parking_private.concession_details(bigint);

commit;
