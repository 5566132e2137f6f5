"""Tables: lists and tables that name or hold images."""
