"""Review: the log of decisions, audits and suggestions. Pure."""
