"""Clarifai's video models as a tagger."""
