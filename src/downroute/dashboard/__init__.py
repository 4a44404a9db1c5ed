"""Pages that people work on, served from this machine."""
