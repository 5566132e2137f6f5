"""Commands to paste, quoted so that a shell takes them as they stand.

In: the words of a `sept` command. Out: one line to paste.
"""

import shlex


def line(*words: object) -> str:
    """`sept WORD WORD …`, each word quoted where a shell would split or change it."""
    return shlex.join(["sept", *map(str, words)])
