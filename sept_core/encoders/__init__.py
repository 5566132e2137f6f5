"""Image encoders behind one protocol: `registry.load` builds any of them from its spec."""
