"""The tagger that runs models on this machine."""
