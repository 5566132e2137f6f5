def report(*a, **k):
    return {}
