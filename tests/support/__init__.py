"""Clusters, databases, services and browsers for the tests; everything here is the real thing, nothing is mocked."""

from tests.support.browser import chromium_executable
from tests.support.cluster import ROOT, Cluster, CommandFailed, run, temporary_cluster
from tests.support.database import Database, deploy, new_database, psql, sqitch, template_database
from tests.support.seeds import plant, planted_cluster
from tests.support.service import (
    DRIVER_1,
    DRIVER_2,
    NO_TLS,
    OPERATOR,
    PASSWORD,
    Service,
    admission,
    free_port,
    issue_token,
    sign_in,
)

__all__ = [
    "DRIVER_1",
    "DRIVER_2",
    "NO_TLS",
    "OPERATOR",
    "PASSWORD",
    "ROOT",
    "Cluster",
    "CommandFailed",
    "Database",
    "Service",
    "admission",
    "chromium_executable",
    "deploy",
    "free_port",
    "issue_token",
    "new_database",
    "plant",
    "planted_cluster",
    "psql",
    "run",
    "sign_in",
    "sqitch",
    "template_database",
    "temporary_cluster",
]
