"""Every error that SEPT raises on purpose, in one tree.

    SeptError                 anything below; its text is one sentence that a user can act on
    ├── InputError            a value, file or setting given by the user is wrong
    │   ├── SourceError       a source, target set or table cannot be listed as asked
    │   │   └── LinkError     a link in a source must not be followed to its target
    │   └── ManifestError     a manifest or export is not what it claims to be
    ├── NotFoundError         a project, source, target set, selection, job or run does not exist
    ├── BusyError             another process owns the catalogue (its pid is named)
    ├── EncoderError          an encoder cannot be built or its weights are missing
    ├── IntegrityError        a stored artefact is damaged or belongs to something else
    ├── StorageError          a disk is full or cannot be written; nothing that was there is lost
    ├── LeakError             held-out target images would end up in the subset
    └── JobError              a background job failed, was cancelled or was lost

`UnusableFile` (in `images`) is not part of this tree's user errors: it is the recorded
outcome of one file, not a failure of the command.
"""


class SeptError(Exception):
    """Base of all errors for the user; `str(error)` is the whole message."""


class InputError(SeptError):
    """The user gave an invalid value; the message names it and the remedy."""


class SourceError(InputError):
    """A source, target set or table cannot be read as the user described it."""


class LinkError(SourceError):
    """A link leads out of its source and of the allowed roots; other options may allow it."""


class ManifestError(InputError):
    """A manifest is incomplete, altered or of another version."""


class NotFoundError(SeptError):
    """A named object does not exist; the message lists the existing names."""


class BusyError(SeptError):
    """Another process holds the project's catalogue; the message names its pid."""


class EncoderError(SeptError):
    """An encoder is unknown, does not match its weights, or its weights are missing."""


class IntegrityError(SeptError):
    """A stored artefact is damaged, incomplete or made for other data."""


class StorageError(SeptError):
    """A disk is full, read-only or failing; existing files are unchanged."""


class LeakError(SeptError):
    """The contamination guard found held-out images, or could not run."""


class JobError(SeptError):
    """A background job ended without its result."""
