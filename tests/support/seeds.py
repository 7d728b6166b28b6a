"""Clusters that begin as the copy of one in which the migrations lie deployed: sqitch takes ten seconds of a core."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.cluster import DATA, Cluster, run, temporary_cluster
from tests.support.database import fingerprint, template_database

SAFE_ENOUGH = ("--without-fsync", "--in-memory")


def plant(cluster: Cluster, *, cron: bool = True) -> None:
    """Make this cluster with the template in it, unless there is one; `cron` says whether pg_cron is there as well."""
    if made(cluster):
        return
    seed = Cluster("seed" if cron else "seed-without-cron")
    DATA.mkdir(exist_ok=True)
    with (DATA / f"{seed.name}.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if lock.read() != fingerprint() or not made(seed):
            lock.truncate(0)
            seed.start(*(("--cron-database", "postgres") if cron else ("--without-cron",)), *SAFE_ENOUGH)
            template_database(seed)
            seed.stop()
            lock.write(fingerprint())
        home = folder(seed)
        copy = home.with_name(cluster.name)
        run("cp", "-a", home, copy)
    (copy / "server.log").unlink()


def folder(cluster: Cluster) -> Path:
    """Where it lies, or would."""
    return cluster.log.parent


def made(cluster: Cluster) -> bool:
    """Whether there is such a cluster, running or not."""
    return (folder(cluster) / "data").exists()


@contextmanager
def planted_cluster(*options: str) -> Iterator[Cluster]:
    """A `temporary_cluster(*options)` that has the template already."""
    with_cron = "--without-cron" not in options
    with temporary_cluster(*options, before=lambda cluster: plant(cluster, cron=with_cron)) as cluster:
        yield cluster
