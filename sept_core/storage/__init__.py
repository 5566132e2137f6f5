"""Storage: paths, atomic writes, uids and hashes."""
