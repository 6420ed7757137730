"""From a clip's bytes to the pictures of its seconds."""
