"""Downloading clips that people link to, from public addresses only."""
