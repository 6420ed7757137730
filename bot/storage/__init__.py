"""What outlives a restart: taggings, servers' settings, and notes of our own.

One SQL for SQLite (one machine, nothing to install) and PostgreSQL (many workers). Open a
``Database`` once, hand it to the stores; whatever goes wrong with it at work is a
``StorageUnavailable``, and at opening a ``ConfigError``.
"""
