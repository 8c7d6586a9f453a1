"""Model files: which there are, how to get them, whether those on disk are the right ones."""
