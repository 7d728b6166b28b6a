-- Revert parking:tariffs from pg

begin;

drop type parking.concession_details;
drop type parking.tariff_details;
drop type parking.quote_line;
drop table parking.concessions;
drop table parking.tariff_tiers;
drop table parking.tariff_times;
drop table parking.tariffs;

commit;
