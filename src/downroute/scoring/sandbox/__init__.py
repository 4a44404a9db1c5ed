"""Programs of strangers, run where they can do no harm: bubblewrap around, limits on everything.

Needs Linux with bubblewrap 0.7 or newer. Nothing in here decides whether a program is right.
"""
