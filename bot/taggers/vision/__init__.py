"""Tagging with a vision model behind an OpenAI-compatible chat endpoint."""
