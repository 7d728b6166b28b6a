"""db/cluster brings a cluster back after what happens to machines, and says what is wrong otherwise."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import ROOT, Cluster, CommandFailed, run, temporary_cluster


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    with temporary_cluster("--without-cron") as cluster:
        yield cluster


def test_committed_data_survives_a_killed_postmaster(own_cluster: Cluster) -> None:
    own_cluster.psql("create table kept (what text); insert into kept values ('a booking')")
    os.kill(postmaster(own_cluster), signal.SIGKILL)
    own_cluster.start("--without-cron")
    assert own_cluster.psql("select what from kept") == "a booking"


def test_a_lock_file_whose_process_number_went_to_another_process_is_no_obstacle(own_cluster: Cluster) -> None:
    lock_file = own_cluster.log.parent / "data" / "postmaster.pid"
    left_behind = lock_file.read_text()
    own_cluster.stop()
    with process_of_the_server_user() as stranger:
        lock_file.write_text(re.sub(r"\A\d+", str(stranger), left_behind))
        assert not own_cluster.running
        own_cluster.start("--without-cron")
        assert own_cluster.psql("select 1") == "1"


def test_starting_and_stopping_twice_is_fine(own_cluster: Cluster) -> None:
    first = postmaster(own_cluster)
    own_cluster.start()
    assert postmaster(own_cluster) == first
    own_cluster.stop()
    own_cluster.stop()
    assert not own_cluster.running


def test_nobody_else_reaches_the_socket_and_nothing_listens_on_tcp(own_cluster: Cluster) -> None:
    folder = own_cluster.environ["PGHOST"]
    assert os.stat(folder).st_mode & 0o777 == 0o700  # noqa: PTH116
    assert own_cluster.psql("show listen_addresses") == ""


@pytest.mark.parametrize("command", ["--name No/Name start", "--name test-none start --fast", "dance"])
def test_a_wrong_command_is_refused(command: str) -> None:
    with pytest.raises(CommandFailed):
        run(ROOT / "db" / "cluster", *command.split())


def postmaster(cluster: Cluster) -> int:
    """The process id of the running server."""
    found = re.search(r"process (\d+)", cluster.command("status"))
    assert found is not None
    return int(found[1])


@contextmanager
def process_of_the_server_user() -> Iterator[int]:
    """A process that PostgreSQL could mistake for itself; its id."""
    as_server = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if os.geteuid() == 0 else ()
    with subprocess.Popen([*as_server, "sleep", "100"]) as process:
        yield process.pid
        process.kill()
