"""Every error that a user can cause or meet, with one base class.

Each message is one clear line: what was wrong (naming the value) and what to do about it. The command line prints that line
and exits with code 2; the window shows it over the flight, which goes on.
"""


class PhotoflightError(Exception):
    """Base of all errors meant for a user's eyes: one line that names the value and the remedy."""


class PhotoError(PhotoflightError):
    """The photograph cannot be opened."""


class DepthMapError(PhotoflightError):
    """The user's depth map cannot be used with this photograph."""


class WeightsError(PhotoflightError):
    """A weights file is missing, damaged, or made for something else."""


class PerceptionError(PhotoflightError):
    """A perception backend that was asked for is not available."""


class DeviceError(PhotoflightError):
    """The graphics or compute device cannot do what is needed."""


class DeviceMemoryError(DeviceError):
    """The device's memory is full: something smaller may still fit."""


class PilotError(PhotoflightError):
    """A pilot or a camera path was asked for that does not exist or cannot be read."""


class SettingsError(PhotoflightError):
    """The settings cannot be read or written, or one of them does not exist or has no such value."""


class ControlsError(PhotoflightError):
    """A key, button or axis cannot be bound to an action: it does not exist, or is taken. ``place`` is where in the settings."""

    def __init__(self, line: str, place: tuple[str, ...] = ("controls",)) -> None:
        super().__init__(line)
        self.place = place


class RecordingError(PhotoflightError):
    """A recording cannot be started or went wrong."""


class TrainingError(PhotoflightError):
    """Training cannot start: photos, features or a checkpoint are missing or unusable."""


class FeaturesError(PhotoflightError):
    """Frozen feature networks, for training or evaluation, are nowhere to be found or unusable."""


class EvaluationError(PhotoflightError):
    """An evaluation cannot be done: nothing to compare with, a wrong size, or a generator whose views are unusable."""


class OutputError(PhotoflightError):
    """A result cannot be written."""
