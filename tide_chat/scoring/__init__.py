"""Offline scoring: runs that survive anything, and reports that need no model."""
