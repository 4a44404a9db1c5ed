"""The gateway: an OpenAI-compatible API that follows the policy and writes the log.

message         a request and a reply, free of any transport
handler         which path is answered by what; read this first
chat            a request for an answer: plan, ask along the route, reply, log
wire            an API as it is spoken; chat_wire is OpenAI's, messages_wire Anthropic's
passthrough     every other path of an upstream
onward          a reply's bytes passed on as they come
plan            PURE: which route a request takes, and why
chat_body       a request body taken apart so that what is not touched stays byte for byte
json_text       JSON bytes and values, whatever clients and upstreams send
headers         which headers go to the upstream, and which come back
call_in_flight  one call on its way: what was asked so far, what its headers say
asking          one model asked once
exchange        what came back of that
completion      PURE: the bytes of a chat completion, and what is read of them
sse             PURE: server-sent events cut apart, read, and hidden where unasked
chat_stream     an upstream's stream in whole events
relay           a stream sent on as it comes
waiting         a stream held back until its answer is accepted
error_reply     PURE: the gateway's own errors
destinations    where each model lives
upstream        what the gateway needs of an HTTP client
policy_file     the policy as it is served, read again when the file changes
call_row        a call as the event loop leaves it, and as the store takes it
call_log        the thread that writes calls to the store
log_store       the store as it writes it
opened_store    the same as it opens it, and opens it again
backlog         what waits to be written, up to a bound
confirmations   replies that wait for their rows (log.durability: sync)
expiry          what it has kept for long enough, deleted
prices          rates the event loop may use without a look-up
status          /health and /ready
model_list      /v1/models
feedback        /v1/feedback
log_lines       what is said on stderr
service         all of it put together, served, and taken down
built           whether its hot path runs compiled
workers         several such processes on one port
transport/      the sockets: server and upstream client (httptools)
"""
