"""Scorers: offline judges of one answer, most of which need a reference. One table of names."""
