-- Revert parking:throttling from pg

begin;

drop function parking.limit_attempts(text, integer, interval);
drop function parking.list_limits();
drop function parking_private.network_of(inet);
drop function parking_private.take_back_attempt(text[], text[]);
drop function parking_private.count_attempt(text[], text[]);
drop function parking_private.attempt_keys(text[], text[]);

commit;
