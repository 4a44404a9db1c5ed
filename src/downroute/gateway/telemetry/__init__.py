"""What operators see of the gateway: metrics, traces, lines. Told by finished calls, in threads."""
