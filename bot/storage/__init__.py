"""Everything that is stored: taggings, servers' settings, and the program's own values.

The same SQL runs on SQLite (one machine, nothing to install) and PostgreSQL (many workers). Open a
``Database`` once and pass it to the stores; failures while it is in use are a
``StorageUnavailable``, and failures on opening a ``ConfigError``.
"""
