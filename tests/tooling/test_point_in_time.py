"""The README's recipe for any moment of the past, with pgbackrest: its settings and its commands are the ones below."""

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ROOT, Cluster, CommandFailed, Database, deploy, run

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("pgbackrest") is None, reason="db/cluster install --tests could not install it"),
]

README = (ROOT / "README.md").read_text()
BOOK = "select id from parking.book(1, {spot}, parking.clock() + '1 hour', parking.clock() + '3 hours')"
BOOKED = "select spot_id from parking.reservations order by spot_id"


def recipe(kind: str) -> str:
    """The README's block of that kind."""
    (block,) = re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(block)


@dataclass
class Repository:
    """A cluster that archives its log, and where to."""

    cluster: Cluster
    folder: Path

    def fill_in(self, text: str) -> str:
        """The README's places are those of its reader; these are this test's."""
        environ = self.cluster.environ
        data = self.cluster.psql("show data_directory") if self.cluster.running else str(self.data)
        for shown, ours in {
            "/var/lib/pgbackrest": str(self.folder / "repository"),
            "/var/lib/postgresql/15/main": data,
            "/var/run/postgresql": environ["PGHOST"],
            "/etc/pgbackrest.conf": str(self.folder / "pgbackrest.conf"),
        }.items():
            assert shown in README, shown
            text = text.replace(shown, ours)
        return text

    @property
    def data(self) -> Path:
        return self.cluster.log.parent / "data"

    def pgbackrest(self, line: str) -> str:
        """One of the recipe's lines, as the server's user, who is the one that may read its files."""
        line = self.fill_in(line)
        as_server = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
        paths = {"lock-path": "lock", "log-path": "log"}
        options = [f"--{name}={self.folder / folder}" for name, folder in paths.items()]
        return run(*as_server, "bash", "-c", f'{line} "$@"', "-", *options, seconds=300, cwd=self.folder)


def command(what: str) -> str:
    """The recipe's line with this in it."""
    (line,) = (line for line in recipe("console").splitlines() if what in line)
    return line.removeprefix("$ ").removeprefix("sudo -u postgres ")


@pytest.fixture
def repository() -> Iterator[Repository]:
    """With a first backup, made while it works."""
    folder = Path(tempfile.mkdtemp(prefix="parking-archive-"))
    cluster = Cluster(f"test-{secrets.token_hex(4)}")
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        cluster.start("--in-memory", "--without-cron")
        made = Repository(cluster, folder)
        (folder / "pgbackrest.conf").write_text(made.fill_in(recipe("ini")))
        (folder / "pgbackrest.conf").chmod(0o644)
        settings = made.fill_in(recipe("conf"))
        archive = f" --lock-path={folder / 'lock'} --log-path={folder / 'log'} archive-push"
        with (made.data / "postgresql.conf").open("a") as conf:
            conf.write(settings.replace(" archive-push", archive))
        cluster.stop()
        cluster.start("--without-cron")
        deploy(Database(cluster, "parking"))
        made.pgbackrest(command("stanza-create"))
        made.pgbackrest(command("backup"))
        yield made
    finally:
        cluster.command("reset")
        shutil.rmtree(folder)


def test_what_was_booked_before_the_moment_is_back_and_nothing_later(repository: Repository) -> None:
    cluster = repository.cluster
    database = Database(cluster, "parking")
    database.psql(BOOK.format(spot=1))
    cursor = database.psql("select parking.event_cursor()", role="parking_dba")
    time.sleep(1)  # the moment is given in seconds
    moment = database.psql("select date_trunc('second', clock_timestamp())")
    database.psql(BOOK.format(spot=2))
    assert database.psql(BOOKED).split() == ["1", "2"]
    cluster.stop()  # what has not been archived yet is, at the stop

    shutil.rmtree(repository.data / "global")  # somebody has tidied up
    with pytest.raises(CommandFailed):
        cluster.start("--without-cron")

    line = command("--type=time")
    shown = re.search(r'--target="([^"]+)"', line)
    assert shown, line
    repository.pgbackrest(line.replace(shown[1], moment))
    cluster.start("--without-cron")
    deadline = time.monotonic() + 120
    while cluster.psql("select pg_is_in_recovery()") == "t":
        assert time.monotonic() < deadline, "the server does not come out of recovery"
        time.sleep(0.2)
    assert database.psql(BOOKED).split() == ["1"]

    # A cursor of the life that has been taken back is refused after the recipe's last step.
    database.psql(command("begin_epoch").split('"')[1], role="parking_dba")
    with pytest.raises(CommandFailed, match="does not reach back"):
        database.psql(f"select count(*) from parking.events_after('{cursor}')", role="parking_dba")
    database.psql(BOOK.format(spot=2))
    assert database.psql(BOOKED).split() == ["1", "2"]
