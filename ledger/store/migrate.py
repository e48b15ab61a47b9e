"""Bringing a database to the schema of this program.

Invariants: migrations run in one transaction under a lock, so that of several programs that start together one does
the work; a database that is newer than the program is refused, never written to.
"""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ledger.errors import ConfigurationError
from ledger.store.database import Database

_FOLDER = files("ledger.store") / "migrations"
_MIGRATING = 0x0C0_50E58  # advisory lock of PostgreSQL: one program migrates at a time


def expected_revision() -> str:
    """The revision that this program works with, from the head file."""
    return (_FOLDER / "HEAD").read_text().strip()


def upgrade(database: Database) -> None:
    """Migrate to the newest revision; nothing is locked or written where it is there already.

    Raises:
        ConfigurationError: The database is newer than this program.
        NotReady: The database cannot be reached.
    """
    with database.reading() as connection:
        if _revision(connection) == expected_revision():
            return
    with database.writing() as connection:
        if not database.sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        _check(_revision(connection))
        configuration = configure(connection)
        command.upgrade(configuration, "head")


def configure(connection: Connection) -> Config:
    """Alembic's settings for this package's migrations, run on an open connection."""
    configuration = Config()
    configuration.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    configuration.attributes["connection"] = connection
    return configuration


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _check(revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory(str(_FOLDER)).walk_revisions()}
    if revision is not None and revision not in known:
        raise ConfigurationError(
            f"the database has schema {revision}, this program knows up to {expected_revision()}: "
            "install the newer program, or restore the database from before its upgrade"
        )
