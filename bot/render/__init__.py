"""Making a timeline ready for people."""
