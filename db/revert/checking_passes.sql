-- Revert parking:checking_passes from pg

begin;

drop function parking.check_pass(text, bigint);
drop function parking.issue_pass(bigint, bigint);
drop function parking_private.find_tenant_of_pass(text);

commit;
