"""`python -m tests.races` writes anew what the specs print, to be read before it is committed."""

from tests.support import new_database, template_database
from tests.support.cluster import shared_cluster
from tests.support.isolation import expected, play, set_stage, specs


def write() -> None:
    """One database is enough: each permutation clears it."""
    with shared_cluster() as cluster, new_database(cluster, template=template_database(cluster)) as database:
        set_stage(database)
        for spec in specs():
            expected(spec).write_text(play(database, spec))


if __name__ == "__main__":
    write()
