"""How the tables came to be, one step a file; released steps are never edited."""

VERSION_TABLE = "schema_revision"
"""Remembers the last step; a name of its own, for the database may be shared with others."""
