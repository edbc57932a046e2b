"""At which revision a database is, and which one this program needs: cheap enough to ask at every start."""

from pathlib import Path

from sqlalchemy import inspect, text

from portico.platform.db import Database

_INSTALLED = Path(__file__).parent.parent / "migrations"
_IN_CHECKOUT = Path(__file__).parents[3] / "migrations"


class MigrationsMissing(Exception):
    pass


def script_folder() -> Path:
    """Where the revisions are: inside the installed package, or at the top of a checkout."""
    for folder in (_INSTALLED, _IN_CHECKOUT):
        if (folder / "env.py").exists():
            return folder
    raise MigrationsMissing(f"no migrations at {_INSTALLED} nor {_IN_CHECKOUT}; reinstall portico")


def newest_revision() -> str:
    """Revisions are files `NNNN_what.py` in one linear chain, so the last name is the newest."""
    return max(path.name.partition("_")[0] for path in (script_folder() / "versions").glob("[0-9]*_*.py"))


async def current_revision(database: Database) -> str | None:
    """None for a database that was never migrated."""
    async with database.sqlalchemy.connect() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
            return None
        found: str | None = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        return found
