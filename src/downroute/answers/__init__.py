"""PURE: what an answer says. Shared by live checks and offline scorers."""
