"""Selection: from neighbour lists, clusters or scores to an ordered subset of the pool. Pure."""
