-- Deploy parking:sessions to pg
-- requires: membership
--
-- A session is one sign-in of one person on one device, and at the same time the family of the refresh tokens that were
-- issued for it, each in exchange for the one before. It is open until it expires or is revoked, and never opens again:
--
--     open --> revoked    signed out, password changed, account closed, a refresh token used twice
--     open --> expired    not refreshed for as long as session_rules says
--
-- Attempts are counted by the hash of a key: whom somebody tried to be, and from where, is not kept.

begin;

set local role parking_owner;

create table parking.sessions (
    tenant_id       bigint      not null,
    id              uuid        not null default gen_random_uuid(),
    person_id       bigint      not null,
    address         inet,
    user_agent      text        check (length(user_agent) <= 300),
    opened_at       timestamptz not null,
    renewed_at      timestamptz not null,
    expires_at      timestamptz not null,
    revoked_at      timestamptz,
    revoked_because text        check (revoked_because ~ '^[a-z]+(-[a-z]+)*$'),

    primary key (tenant_id, id),
    foreign key (tenant_id, person_id) references parking.people (tenant_id, id),
    constraint expires_after_its_renewal check (expires_at > renewed_at and renewed_at >= opened_at),
    constraint revoked_for_a_reason check ((revoked_at is null) = (revoked_because is null))
);

comment on table parking.sessions is 'Who is or was signed in, since when and from where.';
comment on column parking.sessions.id is 'The claim sid of an access token. It opens nothing by itself.';
comment on column parking.sessions.address is 'Where the person signed in from; from there they may try again while others guess their password elsewhere.';
comment on column parking.sessions.renewed_at is 'When a refresh token was last exchanged.';
comment on column parking.sessions.revoked_because is
    'signed-out, signed-out-everywhere, password-changed, token-reused, or why somebody else has ended it.';

-- A request names its session by id alone; the tenant follows from it.
create index sessions_by_id on parking.sessions (id);
create index sessions_of_a_person on parking.sessions (tenant_id, person_id);

select parking_private.isolate('parking.sessions');
grant select on parking.sessions to parking_platform;


create table parking.refresh_tokens (
    tenant_id     bigint      not null,
    hash          bytea       not null check (length(hash) = 32),
    session_id    uuid        not null,
    issued_at     timestamptz not null,
    superseded_at timestamptz,

    primary key (tenant_id, hash),
    foreign key (tenant_id, session_id) references parking.sessions (tenant_id, id) on delete cascade,
    constraint superseded_after_its_issue check (superseded_at >= issued_at)
);

comment on table parking.refresh_tokens is 'The refresh tokens of a session: the present ones, and former ones, to notice when one is used again.';
comment on column parking.refresh_tokens.hash is 'SHA-256 of 256 random bits; the token itself is told once and kept nowhere.';
comment on column parking.refresh_tokens.superseded_at is
    'When it, or another one that was given at the same time to a second tab, was exchanged for the next; null: it is a present one.';

create index refresh_tokens_by_hash on parking.refresh_tokens (hash);
create index refresh_tokens_of_a_session on parking.refresh_tokens (tenant_id, session_id);

select parking_private.isolate('parking.refresh_tokens');
grant select (tenant_id, hash) on parking.refresh_tokens to parking_platform;


create type parking.admission as (
    outcome            text,
    retry_after        integer,
    session_id         uuid,
    person_id          bigint,
    email              text,
    display_name       text,
    tenant             text,
    roles              text[],
    permissions        text[],
    refresh_token      text,
    session_expires_at timestamptz
);

comment on type parking.admission is
    'The answer to a sign-in or a refresh: who it is and what an access token may say of them; or only the outcome, and in how many seconds to come back.';


create table parking_private.session_rules (
    one      boolean  primary key default true check (one),
    lifetime interval not null default '720 hours' check (lifetime between '1 minute' and '8784 hours'),
    grace    interval not null default '10 seconds' check (grace between '0 seconds' and '5 minutes')
);

comment on table parking_private.session_rules is 'How long sessions last; parking.keep_sessions() changes it.';
comment on column parking_private.session_rules.lifetime is 'How long a session stays open without a refresh.';
comment on column parking_private.session_rules.grace is 'How long a refresh token that has been exchanged may be used once more, by a second tab or after a lost answer.';

insert into parking_private.session_rules default values;


create table parking_private.limits (
    kind     text     primary key,
    attempts integer  not null check (attempts between 1 and 1000000),
    every    interval not null check (every between '1 second' and '24 hours' and extract(day from every) = 0),
    meaning  text     not null
);

comment on table parking_private.limits is 'How often something may be tried: so many times at once, and then once in every so long; parking.limit_attempts() changes it.';

insert into parking_private.limits (kind, attempts, every, meaning)
values ('account and address', 5,  '2 minutes',  'Wrong passwords for one account from one address.'),
       ('address',             50, '10 seconds', 'Wrong passwords from one address, whatever the account.'),
       ('account',             20, '5 minutes',  'Wrong passwords for one account from addresses that have never signed in to it.'),
       ('sign-in',             100, '2 seconds', 'Sign-ins from one address, with the right password too: each costs a hash.'),
       ('old password',        20, '5 minutes',  'Wrong old passwords for one account, where somebody wants to change it, from wherever.'),
       ('registration',        10, '6 minutes',  'Registrations from one address.');


create table parking_private.attempts (
    key          bytea       primary key check (length(key) = 32),
    kind         text        not null references parking_private.limits (kind),
    forgotten_at timestamptz not null
);

comment on table parking_private.attempts is 'What has been tried lately, by the hash of who tried what.';
comment on column parking_private.attempts.forgotten_at is
    'When all attempts so far will be forgotten; each puts it off by limits.every, which makes one more possible in every so long.';

commit;
