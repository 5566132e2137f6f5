"""Names of the files in the run folder through which launcher and members communicate.

In: nothing. Out: names; `launch` and `member` define the content.
"""

MEMBERS = "members"
"""Job folder inside the run folder, through which launcher and members communicate."""

TIED = "launcher.lock"
"""Lock held by a launcher; the members stop when it is released."""

WORKING = "working.lock"
"""Lock held by the first member, so that a run has one writer even after its launcher was killed.
"""
