"""Find which LLM workloads can move to a cheaper model, prove it, route by that proof."""
