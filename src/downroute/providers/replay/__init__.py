"""Recorded answers as an OpenAI-compatible HTTP server.

recordings   files of recorded answers → an index by what was asked
requests     a request's body → what is asked of the server, or why it is refused
lookup       what is asked → the recorded answer to it
completions  a recorded answer → the body of a plain reply
chunks       a plain reply → the events of a streamed one
faults       seeded faults, for tests of whoever asks
request_log  one JSON line per chat request served
handlers     the HTTP addresses, answered from all of the above
server       listening: for as long as a block runs, or until told to stop
settings     how recordings are served
"""
