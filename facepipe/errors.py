"""Every error facepipe raises on purpose, and the exit code each ends a command with.

FacepipeError                1   the work failed
├── BadInputError            2   what came in cannot be used; the message says what is needed
│   ├── SettingsError            a setting is out of range, unknown, or contradicts another
│   ├── ShapeError               an array does not have its documented shape
│   ├── PartitionNameError       a name cannot be used for a partition or a path
│   ├── MediaError               a file is not media, or holds nothing that can be decoded
│   ├── NoFaceError              a clip, crop or profile holds no usable face
│   ├── ModelFileError           a weight file is missing, altered, or of another contract
│   └── StorageError             no room or no right to write
├── ConsentError             3   no valid consent covers this use
├── VerificationError        4   a file is not what its record says
├── DivergedError            1   a training lost its way and could not be rolled back
├── BusyError                1   another process holds what is needed
└── StoppedError           130   stopped by request, with everything done so far saved
"""


class FacepipeError(Exception):
    """Base class: catch this to catch anything facepipe raises itself."""

    exit_code = 1


class BadInputError(FacepipeError, ValueError):
    """What came in cannot be used."""

    exit_code = 2


class SettingsError(BadInputError):
    """A setting is out of range, unknown, or contradicts another."""


class ShapeError(BadInputError):
    """An array does not have its documented shape."""


class PartitionNameError(BadInputError):
    """A name cannot be used for a partition or a path."""


class MediaError(BadInputError):
    """A file is not media, or holds nothing that can be decoded."""


class NoFaceError(BadInputError):
    """A clip, crop or profile holds no usable face."""


class ModelFileError(BadInputError):
    """A weight file is missing, altered, or of another contract."""


class StorageError(BadInputError):
    """No room, or no right, to write."""


class ConsentError(FacepipeError):
    """No valid consent covers this use."""

    exit_code = 3


class VerificationError(FacepipeError):
    """A file is not what its record says."""

    exit_code = 4


class DivergedError(FacepipeError):
    """A training lost its way and could not be rolled back."""


class BusyError(FacepipeError):
    """Another process holds what is needed."""


class StoppedError(FacepipeError):
    """Stopped by request; everything done so far is saved."""

    exit_code = 130
