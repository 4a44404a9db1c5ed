"""PURE: which route a request takes, and what to do next on it."""
