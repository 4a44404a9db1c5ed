"""The sockets: an HTTP server for `Handler`, and a pooled HTTP client for the upstreams."""
