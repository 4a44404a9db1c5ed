"""Marks the room: which deployment of an upstream is asked, when, and whether again."""
