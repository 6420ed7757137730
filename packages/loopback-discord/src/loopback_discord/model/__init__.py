"""Everything on the loopback Discord: guilds, channels, users, messages, commands, interactions."""
