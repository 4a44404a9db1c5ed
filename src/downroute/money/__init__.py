"""PURE: what an attempt costs and what a route saves."""
