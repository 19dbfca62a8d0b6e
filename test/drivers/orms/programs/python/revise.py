"""Alembic: upgrade, compare with the database, downgrade and upgrade again."""
from alembic import command
from alembic.config import Config

config = Config()
config.set_main_option("script_location", "scripts")
config.set_main_option("path_separator", "os")
command.upgrade(config, "head")
command.current(config, verbose=True)
command.downgrade(config, "0001")
command.downgrade(config, "base")
command.upgrade(config, "head")
command.history(config)
