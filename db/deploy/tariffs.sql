-- Deploy parking:tariffs to pg
-- requires: lots
-- requires: people
--
-- What a stay costs is data. This page is the whole of the rules; parking.quote() does what it says, and a test walks
-- through stays minute by minute, in the words of this page, and arrives at the same cents.
--
-- 1. A stay [starts, ends) is walked through from its beginning, in increments. Each increment is paid as soon as it has begun. The
--    first one begins when the stay does, and each of the others at the moment at which the one before it ended. Lengths are
--    real time, also where the clocks change: an hour has sixty minutes. Hours, weekdays and dates are those of the lot's
--    wall clock.
-- 2. The tariff that applies at the beginning of an increment prices all of it, whatever begins to apply meanwhile. A tariff
--    applies at a moment that lies in [valid_from, valid_until) and within its times, and for its vehicle and type of spot, if it
--    names any. Its times are hours of weekdays, Mo-Fr 08:00-20:00; what closes at or before it opens closes on the next day, and
--    belongs to the day on which it opened. Its first and last day go by that day as well. An hour that the clocks
--    repeat is within the hours both times.
-- 3. Of several tariffs that apply, the one with the highest priority does; of these, the narrowest, that is, the one that says
--    something about the most of: vehicle, type of spot, dates, times. Two that would be equal in this are refused when
--    the second one is written, as long as there may be a moment at which both apply.
-- 4. While no tariff applies, nothing is charged; the next increment begins with the next moment at which one does. But where no tariff is
--    valid during any of the stay for such a vehicle and spot, no price can be told: the problem no-tariff.
-- 5. The length and the price of an increment are those of the tariff's tier with the greatest from_minutes that the stay has
--    lasted when the increment begins, counted from the stay's beginning whatever tariff applied. A tier without increment_minutes is
--    a flat price: its increment ends when the tariff's times do, or the day if it has none, and that is when the wall clock has
--    passed their end for good. As long as the stay has lasted less than free_minutes, the increment is free and ends with them.
-- 6. An increment that begins while a season pass of the customer or of the plate is valid in this lot costs so many percent less, each
--    rounded half up to the cent. Of several passes the best one counts.
-- 7. An increment costs no more than is left of its tariff's caps: of cap_day_cents what this stay was charged, by whatever
--    tariff, for increments that began on the same day of the wall clock, and of cap_stay_cents what it was charged so far.
-- 8. A customer's discount that is valid when the stay begins, the best of several, is taken from the sum of all this; the
--    discount is rounded half up to the cent, once.
--
-- It follows that a longer stay is never cheaper: it has the same increments and perhaps more, none costs less than nothing, and
-- a tier that says so is one that costs nothing.
--
-- Nobody edits a tariff. Who sets one of the same name makes another version, with which the present one ends; both lie in the
-- present or in the future. So what a stay up to now costs stays what it is for ever.

begin;

set local role parking_owner;

create table parking.tariffs (
    tenant_id      bigint      not null,
    lot_id         bigint      not null,
    id             bigint      generated always as identity,
    name           text        not null check (length(name) between 1 and 100),
    currency       text        not null check (currency ~ '^[A-Z]{3}$'),
    priority       integer     not null default 0 check (priority >= -1000 and priority <= 1000),
    times          text        not null default '24/7' check (length(times) <= 1000),
    first_day      date,
    last_day       date,
    vehicle        text        check (vehicle ~ '\S' and vehicle = lower(vehicle) and length(vehicle) <= 50),
    spot_type      text        check (spot_type in ('regular', 'handicap', 'compact', 'ev')),
    narrowness     integer     not null generated always as (
        (vehicle is not null)::integer + (spot_type is not null)::integer + (first_day is not null or last_day is not null)::integer
        + (times <> '24/7')::integer
    ) stored,
    free_minutes   integer     not null default 0 check (free_minutes >= 0 and free_minutes <= 10080),
    cap_stay_cents bigint      check (cap_stay_cents >= 0 and cap_stay_cents <= 100000000),
    cap_day_cents  bigint      check (cap_day_cents >= 0 and cap_day_cents <= 100000000),
    valid_from     timestamptz not null,
    valid_until    timestamptz,

    primary key (tenant_id, id),
    foreign key (tenant_id, lot_id) references parking.lots (tenant_id, id),

    constraint dates_are_in_order check (first_day <= last_day),
    constraint dates_lie_in_sane_years check (first_day >= '2000-01-01' and last_day < '2200-01-01'),
    constraint validity_lies_in_sane_years check (valid_from >= '2000-01-01 00:00+00' and valid_until < '2200-01-01 00:00+00'),
    -- One that was replaced before it began has never been valid.
    constraint validity_is_in_order check (valid_from <= valid_until),
    constraint one_version_at_a_time exclude using gist (
        tenant_id with =, lot_id with =, lower(name) with =, tstzrange(valid_from, valid_until) with &&
    ),
    constraint a_lot_has_one_currency exclude using gist (tenant_id with =, lot_id with =, currency with <>)
);

comment on table parking.tariffs is 'A version of a price list of a lot: when it applies, to what, and its caps. Prices are in its tiers.';
comment on column parking.tariffs.currency is 'ISO 4217; amounts are in its hundredths.';
comment on column parking.tariffs.priority is 'Of several that apply the highest one does.';
comment on column parking.tariffs.times is 'Hours of weekdays, Mo-Fr 08:00-20:00, or 24/7; as rows they are in parking.tariff_times.';
comment on column parking.tariffs.vehicle is 'For vehicles of this kind only, in small letters; null: for all.';
comment on column parking.tariffs.narrowness is 'Of vehicle, spot_type, dates and times, how many it says something about.';
comment on column parking.tariffs.free_minutes is 'The first minutes of a stay that cost nothing; paid increments begin after them.';
comment on column parking.tariffs.cap_stay_cents is 'What a stay has cost when increments of this tariff become free; null: no limit.';
comment on column parking.tariffs.cap_day_cents is 'The same for one day of a stay.';

create index tariffs_by_lot on parking.tariffs (tenant_id, lot_id, valid_from);

select parking_private.isolate('parking.tariffs');


create table parking.tariff_times (
    tenant_id bigint   not null,
    tariff_id bigint   not null,
    weekday   smallint not null check (weekday >= 1 and weekday <= 7),
    opens     time     not null,
    closes    time     not null,

    primary key (tenant_id, tariff_id, weekday, opens, closes),
    constraint times_are_not_empty check (opens <> closes),
    foreign key (tenant_id, tariff_id) references parking.tariffs (tenant_id, id)
);

comment on table parking.tariff_times is
    'When a tariff applies, by the lot''s wall clock; one without any always does. What closes at or before it opens closes on the next day.';
comment on column parking.tariff_times.weekday is 'On which it opens: 1 is Monday, 7 is Sunday (ISO 8601).';

select parking_private.isolate('parking.tariff_times');


create table parking.tariff_tiers (
    tenant_id         bigint  not null,
    tariff_id         bigint  not null,
    from_minutes      integer not null check (from_minutes >= 0 and from_minutes <= 525600),
    increment_minutes integer check (increment_minutes >= 1 and increment_minutes <= 10080),
    price_cents       bigint  not null check (price_cents >= 0 and price_cents <= 100000000),

    primary key (tenant_id, tariff_id, from_minutes),
    foreign key (tenant_id, tariff_id) references parking.tariffs (tenant_id, id)
);

comment on table parking.tariff_tiers is 'What an increment costs that begins when the stay has lasted from_minutes or more. Every tariff has a tier from 0.';
comment on column parking.tariff_tiers.increment_minutes is 'How long an increment is; null: a flat price until the tariff''s times end, or the day.';

select parking_private.isolate('parking.tariff_tiers');


create table parking.concessions (
    tenant_id   bigint      not null,
    id          bigint      generated always as identity,
    kind        text        not null check (kind in ('season-pass', 'discount')),
    lot_id      bigint,
    person_id   bigint,
    plate       text        check (plate ~ '^[[:upper:][:digit:]]{1,20}$'),
    percent     integer     not null check (percent >= 1 and percent <= 100),
    valid_from  timestamptz not null,
    valid_until timestamptz,

    primary key (tenant_id, id),
    foreign key (tenant_id, lot_id) references parking.lots (tenant_id, id),
    foreign key (tenant_id, person_id) references parking.people (tenant_id, id),

    constraint a_person_or_a_plate check (num_nonnulls(person_id, plate) = 1),
    constraint a_pass_is_for_a_lot check (kind <> 'season-pass' or lot_id is not null),
    constraint a_discount_is_a_customers check (kind <> 'discount' or person_id is not null),
    constraint validity_lies_in_sane_years check (valid_from >= '2000-01-01 00:00+00' and valid_until < '2200-01-01 00:00+00'),
    constraint validity_is_in_order check (valid_from <= valid_until)
);

comment on table parking.concessions is
    'Who pays less: the season pass of a person or a plate for a lot, and the discount of a customer in one lot or in all of them.';
comment on column parking.concessions.plate is 'Capital letters and digits, without anything between them.';
comment on column parking.concessions.percent is 'How much less; 100: nothing is to be paid.';

create index concessions_by_person on parking.concessions (tenant_id, person_id) where person_id is not null;
create index concessions_by_plate on parking.concessions (tenant_id, plate) where plate is not null;

select parking_private.isolate('parking.concessions');


create type parking.quote_line as (
    position     integer,
    line         text,
    quantity     numeric,
    unit_cents   bigint,
    amount_cents bigint,
    currency     text,
    tariff_id    bigint,
    kind         text,
    tariff       text,
    day          date,
    minutes      integer,
    percent      integer
);

comment on type parking.quote_line is
$$One line of a price: the amount is quantity times unit, and the price is the sum of the amounts. line says in English what it is for.

The same for whoever has other words, kind first: started increments of so many minutes, a flat price, the first minutes free, and none, time
without a tariff; day-cap, stay-cap and discount, which are taken off. tariff is its name, day the day of the wall clock where the stay has several or
a cap is of one, percent what a season pass or the discount takes off.$$;

create type parking.tariff_details as (
    id             bigint,
    lot_id         bigint,
    name           text,
    currency       text,
    priority       integer,
    times          text,
    first_day      date,
    last_day       date,
    vehicle        text,
    spot_type      text,
    free_minutes   integer,
    tiers          jsonb,
    cap_stay_cents bigint,
    cap_day_cents  bigint,
    valid_from     timestamptz,
    valid_until    timestamptz,
    time_zone      text
);

comment on type parking.tariff_details is 'A tariff as the functions return it; tiers is a list of from_minutes, increment_minutes (null: a flat price) and price_cents.';

create type parking.concession_details as (
    id          bigint,
    kind        text,
    lot_id      bigint,
    person      text,
    plate       text,
    percent     integer,
    valid_from  timestamptz,
    valid_until timestamptz
);

comment on type parking.concession_details is 'A season pass or a discount; person is an e-mail.';

commit;
