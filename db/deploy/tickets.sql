-- Deploy parking:tickets to pg
-- requires: garages
-- requires: people
-- requires: tariffs
--
-- The life of a ticket:
--
--     enter_garage --> open --leave_garage--> paid    the vehicle left, and somebody paid what its stay cost
--                      open --lose_ticket---> lost    the same, but the driver had no ticket to show
--                      open --void_ticket---> void    somebody said why nothing is to be paid
--
-- Nothing leads back. A vehicle is inside while its ticket is open, however long it was assumed to stay. What a refund or a
-- correction changes of a closed ticket is its amount.
--
-- A ticket has the next number of its tenant, and is printed with at least four digits: PS-0001. No number comes twice.

begin;

set local role parking_owner;

create table parking.tickets (
    tenant_id     bigint      not null,
    lot_id        bigint      not null,
    id            bigint      not null check (id <> 0),
    ticket_number text        not null generated always as ('PS-' || lpad(id::text, greatest(4, length(id::text)), '0')) stored,
    plate         text        not null check (plate ~ '^[[:upper:][:digit:]]{1,20}$'),
    vehicle       text        not null check (vehicle ~ '\S' and length(vehicle) <= 50),
    entered_at    timestamptz not null,
    entered_by    bigint      not null,
    status        text        not null default 'open' check (status in ('open', 'paid', 'lost', 'void')),
    left_at       timestamptz,
    left_by       bigint,
    amount_cents  bigint      check (amount_cents >= 0),
    currency      text        check (currency ~ '^[A-Z]{3}$'),
    method        text,
    reason        text        check (reason ~ '\S' and length(reason) <= 500),

    primary key (tenant_id, id),
    foreign key (tenant_id, lot_id) references parking.garages (tenant_id, lot_id),
    foreign key (tenant_id, entered_by) references parking.people (tenant_id, id),
    foreign key (tenant_id, left_by) references parking.people (tenant_id, id),

    constraint a_vehicle_leaves_after_it_entered check (left_at >= entered_at),
    constraint entry_lies_in_sane_years check (entered_at >= '2000-01-01 00:00+00' and entered_at < '2200-01-01 00:00+00'),
    constraint only_an_open_ticket_has_no_end check (
        (status = 'open') = (left_at is null) and (left_at is null) = (left_by is null) and (left_at is null) = (amount_cents is null)
    ),
    constraint what_was_paid_has_a_currency_and_a_method check (
        (status in ('paid', 'lost')) = (currency is not null) and (currency is null) = (method is null)
    ),
    constraint a_void_ticket_costs_nothing check (status <> 'void' or amount_cents = 0),
    constraint what_is_lost_or_void_has_a_reason check ((status in ('lost', 'void')) = (reason is not null))
);

comment on table parking.tickets is 'A vehicle that entered a garage without a booking, and what its stay has cost.';
comment on column parking.tickets.id is 'One more than the tenant''s ticket before.';
comment on column parking.tickets.plate is 'Capital letters and digits, without anything between them.';
comment on column parking.tickets.vehicle is 'Its kind, as it was told: Car. Tariffs do not mind capital letters.';
comment on column parking.tickets.status is
    'open -> paid, when the vehicle leaves (leave_garage); open -> lost, the same without the ticket (lose_ticket); open -> void, nothing is to be paid (void_ticket).';
comment on column parking.tickets.amount_cents is 'What the stay has cost in the end: its price, less what was refunded, with corrections; null while it is open.';
comment on column parking.tickets.method is 'How it was paid: a name of parking.list_payment_methods().';
comment on column parking.tickets.reason is 'Why it is lost or void.';

-- Who is inside. A handful of rows, whatever lies in the past.
create unique index one_open_ticket_a_plate on parking.tickets (tenant_id, lot_id, plate) where status = 'open';
-- Who left when: a day's figures.
create index tickets_by_exit on parking.tickets (tenant_id, lot_id, left_at) where left_at is not null;
-- The latest vehicles, and the periods of lists.
create index tickets_by_entry on parking.tickets (tenant_id, lot_id, entered_at, id);

select parking_private.isolate('parking.tickets');
grant select on parking.tickets to parking_viewer;


create view parking.garage_tickets with (security_barrier) as
select
    t.tenant_id,
    t.lot_id,
    t.ticket_number,
    t.plate,
    t.vehicle,
    t.entered_at,
    e.email as entered_by,
    t.status,
    t.left_at,
    l.email as left_by,
    t.amount_cents,
    t.currency,
    t.method,
    t.reason
from parking.tickets t
join parking.people e on e.tenant_id = t.tenant_id and e.id = t.entered_by
left join parking.people l on l.tenant_id = t.tenant_id and l.id = t.left_by;

comment on view parking.garage_tickets is 'Tickets with the e-mails of those who let the vehicle in and out.';

grant select on parking.garage_tickets to parking_dba, parking_reporting;


create type parking.ticket as (
    id            bigint,
    ticket_number text,
    lot_id        bigint,
    plate         text,
    vehicle       text,
    entered_at    timestamptz,
    left_at       timestamptz,
    status        text,
    minutes       integer,
    amount_cents  bigint,
    currency      text,
    method        text,
    time_zone     text
);

comment on type parking.ticket is
    'A ticket as the functions return it; minutes are started ones, and null while it is open. time_zone is the garage''s, also of one that is retired.';

-- Only a superuser may give an object away.
reset role;
alter view parking.garage_tickets owner to parking_viewer;

commit;
