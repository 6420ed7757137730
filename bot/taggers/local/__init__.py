"""Models on this machine as a tagger."""
