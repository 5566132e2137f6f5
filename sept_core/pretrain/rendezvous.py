"""Where the launcher of a run and its members meet: names of files in the run folder.

In: nothing. Out: names; what is written under them belongs to `launch` and `member`.
"""

MEMBERS = "members"
"""A job folder inside the run folder, in which launcher and members tell each other things."""

TIED = "launcher.lock"
"""Held by a launcher whose end is to be the members' end, too."""

WORKING = "working.lock"
"""Held by the first member, so that a run has one writer even after its launcher was killed."""
