"""PostgreSQL's own isolationtester, which plays the steps of several sessions in every order that a spec names."""

from pathlib import Path

from tests.support.cluster import PSQL, ROOT, run
from tests.support.database import Database

RACES = ROOT / "tests" / "races"
TESTER = PSQL.parents[1] / "lib" / "pgxs" / "src" / "test" / "isolation" / "isolationtester"
"""Debian has it in the package of psql."""


def specs() -> list[str]:
    """The names of all there are."""
    return sorted(path.stem for path in (RACES / "specs").glob("*.spec"))


def expected(spec: str) -> Path:
    """Where it stands what a spec prints."""
    return RACES / "expected" / f"{spec}.out"


def script(spec: str) -> str:
    """The sessions with their steps, and the orders of these."""
    return (RACES / "specs" / f"{spec}.spec").read_text()


def set_stage(database: Database) -> None:
    """Deploy what the specs play with."""
    database.psql((RACES / "stage.sql").read_text())


def play(database: Database, spec: str, *, seconds: int = 60) -> str:
    """What isolationtester prints for a spec, in which no step may take longer: then it waits for ever."""
    environ = database.cluster.environ
    where = f"host={environ['PGHOST']} port={environ['PGPORT']} user=postgres dbname={database.name}"
    limit = {"PGISOLATIONTIMEOUT": str(seconds), "PGOPTIONS": "-c lc_messages=C -c client_min_messages=warning"}
    return run(TESTER, where, stdin=script(spec), environ=limit, seconds=10 * seconds, check=False)
