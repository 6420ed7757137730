"""Framehound: tells a Discord server what is in its videos, second by second."""
