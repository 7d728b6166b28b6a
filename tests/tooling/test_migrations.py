"""sqitch's three scripts of a change are true: deploy makes it, verify notices its absence, revert removes it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT, Cluster, Database, deploy, new_database, run, sqitch, temporary_cluster
from tests.support.cluster import PSQL


@pytest.fixture
def bare_cluster() -> Iterator[Cluster]:
    """Nobody has deployed here yet, so the roles, which belong to the cluster, are missing too."""
    with temporary_cluster("--cron-database", "postgres") as cluster:
        yield cluster


@pytest.fixture
def bare_database(bare_cluster: Cluster) -> Iterator[Database]:
    with new_database(bare_cluster) as database:
        yield database


TOO_EARLY = """#!/bin/sh
# psql for one run of sqitch, in place of a run for each change: before a deploy script comes its verify script.
for word; do
    case $word in
    */deploy/*.sql)
        change=$(basename "$word" .sql)
        status=0
        {psql} -X -q -v ON_ERROR_STOP=1 -v registry=sqitch -d {name} -f "{verify}/$change.sql" >"{told}/last" 2>&1 ||
            status=$?
        echo "$change $status" >>"{told}/said"
        ;;
    esac
done
exec {psql} "$@"
"""


def test_deploy_revert_and_deploy_again_give_the_same_schema(bare_database: Database) -> None:
    nothing = dump(bare_database)
    sqitch(bare_database, "deploy", "--verify")
    first = dump(bare_database)
    assert "parking.book(" in first
    sqitch(bare_database, "verify")
    sqitch(bare_database, "revert", "-y")
    assert dump(bare_database) == nothing
    sqitch(bare_database, "deploy", "--no-verify")
    assert dump(bare_database) == first


def test_each_verify_script_fails_one_change_too_early(bare_database: Database, tmp_path: Path) -> None:
    places = {"psql": PSQL, "name": bare_database.name, "verify": ROOT / "db" / "verify", "told": tmp_path}
    (tmp_path / "psql").write_text(TOO_EARLY.format(**places))
    (tmp_path / "psql").chmod(0o755)
    sqitch(bare_database, "deploy", "--no-verify", psql_in=tmp_path)
    said = [line.split() for line in (tmp_path / "said").read_text().splitlines()]
    assert [change for change, _ in said] == planned_changes()
    assert [change for change, status in said if status == "0"] == []
    assert sqitch(bare_database, "status").rstrip().endswith("Nothing to deploy (up-to-date)")


@pytest.mark.parametrize(
    "time",
    ["2026-12-31 00:00:20", "2026-12-31 23:59:50", "2027-03-28 00:30", "2027-10-31 02:30", "2028-02-29 12:00"],
)
def test_what_is_deployed_is_verified_at_any_time(database: Database, time: str) -> None:
    """Whoever deploys at an unlucky hour would have it all taken back: after a midnight, or when the clocks change."""
    for zone in ("UTC", "Europe/Berlin"):
        at = f"(timestamp '{time}' at time zone '{zone}')"
        database.psql(f"update parking_private.clock_shift set shift = {at} - clock_timestamp()")
        # A copy of a database has no jobs of its own.
        changes = [change for change in planned_changes() if change != "schedule"]
        scripts = [option for change in changes for option in ("-f", f"db/verify/{change}.sql")]
        options = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "registry=sqitch", "-d", database.name)
        run(PSQL, *options, *scripts, environ=database.cluster.environ)


def test_nouns_and_verbs_are_apart() -> None:
    """Reworking a change copies its whole file, so what holds and what acts must not share one. A view stands with its
    tables, or with the function that reads it."""
    scripts = {change: (ROOT / "db" / "deploy" / f"{change}.sql").read_text() for change in planned_changes()}
    nouns = {change for change, script in scripts.items() if holds(script)}
    verbs = {change for change, script in scripts.items() if acts(script)}
    assert {"tenants", "lots", "reservations"} <= nouns
    assert {"context", "booking", "auditing"} <= verbs
    assert nouns & verbs == set()


def test_a_mixed_change_would_be_found() -> None:
    """The negative control of the test above."""
    noun = (ROOT / "db" / "deploy" / "audit.sql").read_text()
    verb = (ROOT / "db" / "deploy" / "auditing.sql").read_text()
    assert [(holds(script), acts(script)) for script in (noun, verb, noun + verb)] == [
        (True, False),
        (False, True),
        (True, True),
    ]


def test_a_deploy_script_requires_what_the_plan_says() -> None:
    plan = (ROOT / "sqitch.plan").read_text()
    for change in planned_changes():
        script = (ROOT / "db" / "deploy" / f"{change}.sql").read_text()
        planned = re.search(rf"^{change}(?: \[(.*?)\])? \d{{4}}-", plan, re.MULTILINE)
        assert planned is not None
        assert re.findall(r"^-- requires: (\w+)$", script, re.MULTILINE) == (planned[1] or "").split(), change


def holds(script: str) -> bool:
    """Whether a deploy script makes tables or types."""
    return bool(re.search(r"^\s*create (?:unlogged )?(?:table|type|domain|sequence)\b", script, re.MULTILINE))


def acts(script: str) -> bool:
    """Whether a deploy script makes functions."""
    made = r"^\s*create (?:or replace )?(?:function|procedure|aggregate|trigger)\b"
    return bool(re.search(made, script, re.MULTILINE))


def test_deploying_without_pg_cron_works_and_says_so(cluster_without_cron: Cluster) -> None:
    with new_database(cluster_without_cron) as database:
        output = deploy(database)
        assert re.search(r"WARNING: .*pg_cron", output)
        database.psql("call parking.sweep()", role="parking_dba")
        sqitch(database, "verify")
        sqitch(database, "revert", "-y")


def planned_changes() -> list[str]:
    """The plan's changes, in order."""
    plan = (ROOT / "sqitch.plan").read_text()
    changes = re.findall(r"^([a-z]\w*)(?: \[.*?\])? \d{4}-", plan, re.MULTILINE)
    assert "booking" in changes
    return changes


def dump(database: Database) -> str:
    """The schema without sqitch's own, the cluster's roles, and the jobs of pg_cron."""
    environ = database.cluster.environ
    schema = run("pg_dump", "--schema-only", "--exclude-schema=sqitch", database.name, environ=environ)
    roles = run("pg_dumpall", "--roles-only", environ=environ)
    jobs = ""
    if database.cluster.psql("select to_regclass('cron.job')"):
        jobs = database.cluster.psql("select jobname, schedule, command, database from cron.job order by jobname")
    # Each dump carries a random key of its own.
    return re.sub(r"^\\(un)?restrict .*$", "", f"{schema}\n{roles}\n{jobs}", flags=re.MULTILINE).strip()


def test_the_planner_knows_what_was_seeded(database: Database) -> None:
    """Autovacuum looks at no table of so few rows; of what is empty nobody knows yet how large it will be."""
    known = """
        select reltuples, exists (select from pg_statistic s where s.starelid = c.oid)
        from pg_class c where c.oid = 'parking.{}'::regclass"""
    assert database.psql(known.format("rows")) == "35|t"
    assert database.psql(known.format("lots")) == "4|t"
    # Autovacuum may have counted nothing in it, after what a verify script has taken back.
    assert database.psql(known.format("reservations")) in {"-1|f", "0|f"}
