"""How the data in this repository was made."""
