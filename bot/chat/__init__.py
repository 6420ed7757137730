"""Everything that talks to Discord and is not a cog."""
