"""The program's commands: ``tag``, ``find``, ``check``, ``run`` and ``worker``."""
