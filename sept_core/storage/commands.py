"""Commands to paste, quoted for a shell.

In: the words of a `sept` command. Out: one line to paste.
"""

import shlex


def line(*words: object) -> str:
    """Return `sept WORD WORD …`, each word quoted if a shell would split or change it."""
    return shlex.join(["sept", *map(str, words)])
