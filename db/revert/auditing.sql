-- Revert parking:auditing from pg

begin;

drop function parking_private.audit(bigint, text, text, bigint, jsonb);

commit;
