"""The durable queue: every accepted job is carried out, also after a restart."""
