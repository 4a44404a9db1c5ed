"""Models behind HTTP: asking them (`client`), and recorded answers that stand in (`replay`).

client          ask a model, with retries; a fault comes back as a reply, not as an exception
parameters      a request → the same request with one model's parameter settings
endpoint        an upstream's base URL → the address that answers
retries         what is worth another try, and when
replies         what came back → an answer, or one line about what went wrong
complaints      an upstream's error body → what it says
transport       what carries a request, and what it brings back
http_transport  the real network (aiohttp)
"""
