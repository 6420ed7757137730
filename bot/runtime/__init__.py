"""What a running process consists of: wiring, shutdown, background tasks, logs and metrics."""
