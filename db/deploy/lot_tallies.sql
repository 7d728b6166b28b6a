-- Deploy parking:lot_tallies to pg
-- requires: reservations
-- requires: events
--
-- How many reservations a lot has had, ever. Counting them takes longer each year, and a counter that every booking moves would
-- let the drivers of a lot wait for one another. But reservations are numbered and never deleted, so those up to a number below
-- which nobody writes any more are counted once and for all; whoever asks adds the few that came after. Nothing that books or
-- ends a reservation touches these tables: the stale checker does, every minute.

begin;

set local role parking_owner;

create table parking.lot_tallies (
    tenant_id    bigint not null,
    lot_id       bigint not null,
    reservations bigint not null check (reservations > 0),
    primary key (tenant_id, lot_id),
    foreign key (tenant_id, lot_id) references parking.lots (tenant_id, id)
);

comment on table parking.lot_tallies is 'How many reservations up to the number of parking_private.lot_tally_mark each lot has had; none, no row.';

select parking_private.isolate('parking.lot_tallies');

create table parking_private.lot_tally_mark (
    one     boolean primary key default true check (one),
    counted bigint  not null,
    ahead   bigint  not null check (ahead >= counted),
    noted   bigint  not null check (noted >= ahead),
    epoch   integer not null,
    writer  xid8    not null
);

comment on table parking_private.lot_tally_mark is 'Up to which number the reservations are counted, and how far it may go next; see parking.tally_reservations().';
comment on column parking_private.lot_tally_mark.ahead is 'Nobody writes up to here any more, once all transactions up to writer have ended.';
comment on column parking_private.lot_tally_mark.noted is 'The last number that had been given out when writer looked.';
comment on column parking_private.lot_tally_mark.epoch is 'That of writer; see parking.events. Of an earlier one nobody writes any more.';

insert into parking_private.lot_tally_mark (counted, ahead, noted, epoch, writer)
select 0, 0, 0, l.epoch, pg_current_xact_id() from parking_private.event_log l;

commit;
