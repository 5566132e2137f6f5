"""A Ray cluster of this machine alone: its address is set by a private option."""

ONLY_HERE = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
"""Options of `ray.init`: the cluster that it starts listens on this machine only."""
