"""One function per button: the only place where the catalogue and the stages meet."""
