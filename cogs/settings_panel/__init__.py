"""The panel with a server's settings, and their file."""
