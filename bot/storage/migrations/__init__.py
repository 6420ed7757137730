"""Alembic's migrations. Never edit a released one; ``versions`` says how to add the next."""

VERSION_TABLE = "schema_revision"
"""The table with the current revision; not Alembic's default, as others may share the database."""
