"""PURE: the statistics behind every verdict. Numbers in, numbers out."""
