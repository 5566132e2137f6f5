"""Methods of the Python facade, by section."""
