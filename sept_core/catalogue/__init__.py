"""The catalogue: all SQL of the project, over one DuckDB file that one process owns."""
