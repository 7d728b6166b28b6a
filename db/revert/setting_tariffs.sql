-- Revert parking:setting_tariffs from pg

begin;

drop function parking.list_tariffs(bigint, bigint);
drop function parking.retire_tariff(bigint, bigint, timestamptz);
drop function parking.set_tariff(bigint, bigint, text, bigint, integer, bigint, jsonb, integer, bigint, bigint, text, date, date, text, text, integer, text,
    timestamptz, timestamptz);
drop function parking_private.tariff_details(parking.lots, bigint);
drop function parking_private.require_unambiguous(parking.lots, parking.tariffs);
drop function parking_private.days_of_tariff(parking.tariffs, text);
drop function parking_private.read_tiers(jsonb);
drop function parking_private.is_whole_number(jsonb, integer, integer);
drop function parking_private.require_tariff(parking.tariffs, timestamptz);

commit;
