"""The migrations, one file each, named ``rNNNN_what_it_does.py`` for its revision.

To add one: change ``bot.storage.tables``, write the next file with ``revision``, ``down_revision``
(the revision before) and ``upgrade()``, and add rows as the new tables hold them to ``ROWS`` in
``tests/storage/test_schema.py``. The tests there compare what all migrations make with ``tables``,
and check that rows of every earlier revision survive. Never edit a file that has landed: numbering
started again at 2001 because 1001 was edited.
"""
