"""Discord's events become calls, and reports become messages; the work is in ``bot``."""
