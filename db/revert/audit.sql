-- Revert parking:audit from pg

begin;

drop function parking_private.audit(bigint, text, text, bigint, jsonb);
drop table parking.audit;

commit;
