"""Finds reference exchanges that resemble a message; the only place that imports faiss."""
