"""Review: decisions of people as a log, audits and suggestions. Pure."""
