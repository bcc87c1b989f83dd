"""The way from an older schema to this version's, as Alembic walks it."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from whatssound.adapters.sql.migrations import FOLDER


def upgrade(connection: Connection) -> None:
    """Take every step that the database has not taken, in the connection's transaction."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def configuration() -> Config:
    """Where the steps are."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config
