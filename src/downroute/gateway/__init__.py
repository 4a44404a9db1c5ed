"""The gateway: an OpenAI-compatible API that follows the policy and writes the log.

message       a request and a reply, free of any transport
handler       which path is answered by what; read this first
chat          POST /v1/chat/completions: plan, ask along the route, reply
plan          PURE: which route a request takes, and why
chat_body     a request body taken apart so that what is not touched stays byte for byte
headers       what headers go to the upstream, and what headers come back
asking        one model asked once
completion    PURE: reply bytes → what the log and the checks need of them
judging       PURE: checks, signals and score of an answer
sse           PURE: server-sent events cut apart, and what is hidden from the client
relay         a stream sent on as it comes
waiting       a stream that is held back until its answer is accepted
destinations  where each model lives
upstream      what the gateway needs of an HTTP client
policy_file   the policy as it is served, reread when the file changes
call_row      one call as the event loop leaves it, and as the store takes it
call_log      the thread that writes calls to the store
prices        rates the event loop may use without a look-up
status        /health and /ready
model_list    /v1/models
service       all of it together, from start to stop
transport/    the sockets: server and upstream client (aiohttp)
"""
