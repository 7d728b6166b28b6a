-- Revert parking:tendering from pg

begin;

drop function parking.agree(bigint, bigint);

commit;
