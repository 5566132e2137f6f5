"""Jobs: work in processes of its own, each in a folder."""
