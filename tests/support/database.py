"""Databases: one migrated template, cloned for each test, and freshly deployed ones for what a clone cannot show."""

import datetime as dt
import fcntl
import functools
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import asyncpg

from tests.support.cluster import DATA, PSQL, ROOT, Cluster, CommandFailed, administer, run

LOGINS = {"parking_dba": "dba"}
"""Groups cannot log in; these people of theirs can. `make up` creates the same."""

KEPT_TEMPLATES = 3

PSQL_FIRST = {"PATH": f"{PSQL.parent}:{os.environ['PATH']}"} if PSQL.is_absolute() else {}
"""For sqitch, which starts psql for each of its scripts."""


@dataclass(frozen=True)
class Database:
    """A database of a running cluster."""

    cluster: Cluster
    name: str

    def url(self, role: str = "parking_service") -> str:
        """A connection URL over the cluster's Unix socket."""
        environ = self.cluster.environ
        where = urlencode({"host": environ["PGHOST"], "port": environ["PGPORT"]}, safe="/")
        return f"postgresql://{LOGINS.get(role, role)}@/{self.name}?{where}"

    async def connect(self, role: str = "parking_service", **options: str) -> asyncpg.Connection:
        """A connection of its own as `role`; the caller closes it. `options` are server settings."""
        return await asyncpg.connect(self.url(role), server_settings=options or None)

    def psql(self, sql: str, *, role: str = "postgres") -> str:
        """Bare rows, columns parted by `|`: for a quick look or change."""
        return self.cluster.psql(sql, database=self.name, role=LOGINS.get(role, role))


def psql(database: Database, role: str, script: str, *, check: bool = True) -> str:
    """What the real psql prints for `script`, errors included, as a person would see it.

    It stops at the first error, and raises `CommandFailed` then unless `check` is False.
    """
    user = LOGINS.get(role, role)
    words = (PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", database.name)
    return run(*words, environ=database.cluster.environ, stdin=script, check=check)


def sqitch(database: Database, *arguments: str, check: bool = True, psql_in: Path | None = None) -> str:
    """`sqitch <arguments>` on this database as the superuser; its output. `psql_in` is the folder of another psql."""
    words = [arguments[0], f"db:pg:{database.name}", *arguments[1:]]
    who = {"SQITCH_FULLNAME": "The tests", "SQITCH_EMAIL": "tests@localhost"}
    first = PSQL_FIRST if psql_in is None else {"PATH": f"{psql_in}:{os.environ['PATH']}"}
    return run("sqitch", *words, environ={**database.cluster.environ, **first, **who}, check=check)


def deploy(database: Database) -> str:
    """Deploy every change, verify it, seed the demo and create the login `dba`, as `make up` does; sqitch's output."""
    return run(ROOT / "db" / "migrate", "--demo", database.name, environ={**database.cluster.environ, **PSQL_FIRST})


@contextmanager
def new_database(cluster: Cluster, *, template: str = "template1") -> Iterator[Database]:
    """A new database with a name of its own, dropped in the end with its jobs and whoever is still connected.

    Copying the template's files is faster than writing them through the log, and to drop them as well.
    """
    database = Database(cluster, f"t_{secrets.token_hex(5)}")
    administer(cluster, f"create database {database.name} template {template} strategy file_copy")
    try:
        yield database
    finally:
        try:
            unschedule(database)
            leave(database)
            administer(cluster, f"drop database if exists {database.name} with (force)")
        except CommandFailed:
            # A test may have stopped the cluster; asking before each drop would take longer than the drop.
            if cluster.running:
                raise


def leave(database: Database) -> None:
    """Wait a moment for sessions that are about to end: `drop database` would look for them every 100 ms only."""
    deadline = time.monotonic() + 0.1
    sessions = f"select pid from pg_stat_activity where datname = '{database.name}'"
    while administer(database.cluster, sessions) and time.monotonic() < deadline:
        time.sleep(0.002)


def unschedule(database: Database) -> None:
    """Remove the database's jobs, where the cluster's pg_cron has any."""
    sql = f"""
        \\set name {database.name}
        select coalesce(current_setting('cron.database_name', true), 'postgres') as home \\gset
        select :'home' <> current_database() as elsewhere \\gset
        \\if :elsewhere
            \\connect :home
        \\endif
        select to_regclass('cron.job') is not null as has_jobs \\gset
        \\if :has_jobs
            select cron.unschedule(jobid) from cron.job where database = :'name' or jobname like '% of ' || :'name';
        \\endif"""
    administer(database.cluster, sql)


def template_database(cluster: Cluster) -> str:
    """The name of the migrated and seeded template for the migrations as they are now; made when it is missing.

    Its pg_cron job is unscheduled, so that nobody is ever connected to it and `create database ... template` works.
    """
    name = f"template_{fingerprint()}"
    with (DATA / f"{cluster.name}-template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cluster.psql(f"select 1 from pg_database where datname = '{name}'"):
            with new_database(cluster) as database:
                deploy(database)
                unschedule(database)
                # A minute may have begun meanwhile, and the job with it.
                cluster.psql(f"""
                    select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{database.name}';
                    alter database {database.name} rename to {name}""")
            drop_old_templates(cluster)
    return name


def drop_old_templates(cluster: Cluster) -> None:
    """Keep the newest few, for suites that started before the last change of the migrations."""
    old = cluster.psql(f"""
        select datname from pg_database where datname like 'template\\_%' order by oid desc offset {KEPT_TEMPLATES}""")
    for name in old.split():
        cluster.psql(f"drop database {name} with (force)")


def template_of_today(cluster: Cluster) -> str:
    """The same, looked for once a month: a run may begin in one and end in another."""
    return _template_of(cluster, month())


@functools.cache
def _template_of(cluster: Cluster, _: str) -> str:
    return template_database(cluster)


def month() -> str:
    """The one for which a deployment makes the record of events a partition, by UTC."""
    return f"{dt.datetime.now(dt.UTC):%Y-%m}"


def fingerprint() -> str:
    """Names the migrations by their content, and by the month: later on pg_cron would have made a partition for it."""
    digest = hashlib.sha256(month().encode())
    scripts = (path for folder in ("deploy", "revert", "verify") for path in (ROOT / "db" / folder).glob("*.sql"))
    for path in sorted([*scripts, ROOT / "sqitch.plan", ROOT / "sqitch.conf"]):
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
