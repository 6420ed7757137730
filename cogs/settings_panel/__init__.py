"""The settings panel: its pages, its forms, and the settings file."""
