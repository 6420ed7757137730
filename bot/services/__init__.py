"""The use cases, one file each. They know no Discord and no queue."""
