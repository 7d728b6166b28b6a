-- Deploy parking:payments to pg
-- requires: tickets
--
-- The ledger has two sides. ticket_lines says what a ticket is for: the lines of its price, and of each refund and correction. payments says
-- what money came in or went out. A ticket has its amount, its lines and its payments, which three add up to the same at
-- all times: each function that writes one of them writes all, and parking.ledger_balance() proves it.
--
-- Both are append-only, as the audit is: their owner has given up the right to change them. An error is corrected by another
-- entry. That a stay is paid once is no habit of the functions but an index.

begin;

set local role parking_owner;

create table parking_private.payment_methods (
    method   text    primary key check (length(method) between 1 and 50),
    aliases  text[]  not null default '{}',
    provider text    not null default 'desk' check (provider in ('desk')),
    position integer not null unique
);

comment on table parking_private.payment_methods is 'How one may pay; the same for all tenants.';
comment on column parking_private.payment_methods.aliases is 'What else a client may call it, in small letters; capital letters do not tell two apart.';
comment on column parking_private.payment_methods.provider is
    'Who moves the money. desk: the attendant has it, or has seen it arrive, before the ticket is closed. See parking_private.collect().';

insert into parking_private.payment_methods (method, aliases, position)
values ('Cash',           '{}',                                          1),
       ('Card',           '{}',                                          2),
       ('Credit Card',    '{credit,credit_card,credit-card,creditcard}', 3),
       ('Debit Card',     '{debit,debit_card,debit-card,debitcard}',     4),
       ('Mobile Payment', '{mobile,mobile_payment,mobile-payment,app}',  5);


create table parking.ticket_lines (
    tenant_id    bigint  not null,
    ticket_id    bigint  not null,
    position     integer not null check (position > 0),
    kind         text    not null check (
        kind in ('none', 'free', 'flat', 'started', 'day-cap', 'stay-cap', 'discount', 'refund', 'correction')
    ),
    line         text    not null,
    quantity     numeric not null,
    unit_cents   bigint  not null,
    amount_cents bigint  not null,
    tariff_id    bigint,
    day          date,
    minutes      integer,
    percent      integer,
    reason       text    check (reason ~ '\S' and length(reason) <= 500),

    primary key (tenant_id, ticket_id, position),
    foreign key (tenant_id, ticket_id) references parking.tickets (tenant_id, id),
    foreign key (tenant_id, tariff_id) references parking.tariffs (tenant_id, id),
    constraint amount_is_quantity_times_unit check (amount_cents = quantity * unit_cents),
    constraint what_no_tariff_says_has_a_reason check ((kind in ('refund', 'correction')) = (reason is not null))
);

comment on table parking.ticket_lines is 'What each ticket is for; append-only. The amount of a ticket is the sum of its lines.';
comment on column parking.ticket_lines.line is 'What it is for, in English words; kind, tariff, day, minutes, percent and reason say the same to whoever has other words.';
comment on column parking.ticket_lines.kind is 'Of a price, as parking.quote_line has it; or what has been changed of it since.';

select parking_private.isolate('parking.ticket_lines');
revoke update, delete, truncate on parking.ticket_lines from parking_owner;


create table parking.payments (
    tenant_id    bigint      not null,
    lot_id       bigint      not null,
    ticket_id    bigint      not null,
    position     integer     not null check (position > 0),
    kind         text        not null check (kind in ('payment', 'refund', 'correction')),
    method       text        not null references parking_private.payment_methods (method),
    amount_cents bigint      not null,
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    at           timestamptz not null,
    actor_id     bigint      not null,
    reason       text        check (reason ~ '\S' and length(reason) <= 500),
    reference    text        check (length(reference) between 1 and 200),

    primary key (tenant_id, ticket_id, position),
    foreign key (tenant_id, ticket_id) references parking.tickets (tenant_id, id),
    foreign key (tenant_id, actor_id) references parking.people (tenant_id, id),
    constraint a_payment_comes_in_and_a_refund_goes_out check (
        case kind when 'payment' then amount_cents >= 0 when 'refund' then amount_cents < 0 else amount_cents <> 0 end
    ),
    constraint what_is_no_payment_has_a_reason check (kind = 'payment' or reason is not null)
);

comment on table parking.payments is 'The money that was taken for tickets and given back; append-only. Where nothing was to be paid, there is a payment of nothing.';
comment on column parking.payments.amount_cents is 'What came in; below zero: what went out.';
comment on column parking.payments.reference is 'By which name the provider of the method knows it; null: the desk took it.';

create unique index a_stay_is_paid_once on parking.payments (tenant_id, ticket_id) where kind = 'payment';
-- A day's takings.
create index payments_by_time on parking.payments (tenant_id, lot_id, at);

select parking_private.isolate('parking.payments');
grant select on parking.payments to parking_viewer;
revoke update, delete, truncate on parking.payments from parking_owner;


create view parking.ledger with (security_barrier) as
select
    p.tenant_id,
    p.lot_id,
    t.ticket_number,
    p.position,
    p.kind,
    p.method,
    p.amount_cents,
    p.currency,
    p.at,
    a.email as actor,
    p.reason,
    p.reference
from parking.payments p
join parking.tickets t on t.tenant_id = p.tenant_id and t.id = p.ticket_id
join parking.people a on a.tenant_id = p.tenant_id and a.id = p.actor_id;

comment on view parking.ledger is 'The money that was taken for tickets and given back, with the e-mail of whoever did it.';

grant select on parking.ledger to parking_dba, parking_reporting;


create type parking.ledger_entry as (
    ticket_number text,
    kind          text,
    method        text,
    amount_cents  bigint,
    currency      text,
    at            timestamptz,
    reason        text,
    time_zone     text
);

comment on type parking.ledger_entry is 'An entry of parking.payments as the functions return it; time_zone is the garage''s.';

create type parking.ticket_line as (
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
    percent      integer,
    reason       text
);

comment on type parking.ticket_line is
    'What a ticket costs or has cost, line by line: a parking.quote_line, or a refund or a correction with its reason.';

-- Only a superuser may give an object away.
reset role;
alter view parking.ledger owner to parking_viewer;

commit;
