"""Where the launcher of a run and its members meet: names of files in the run folder.

In: nothing. Out: names; what is written under them belongs to `launch` and `member`.
"""

MEMBERS = "members"
"""Job folder inside the run folder, through which launcher and members communicate."""

TIED = "launcher.lock"
"""Lock held by a launcher; the members stop when it is released."""

WORKING = "working.lock"
"""Lock held by the first member, so that a run has one writer even after its launcher was killed.
"""
