"""Jobs: work in separate processes, each with a folder."""
