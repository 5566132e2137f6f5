"""Select, decide, export."""
