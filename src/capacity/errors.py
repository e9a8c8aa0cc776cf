"""Errors that a user can put right: bad settings, damaged files, a missing device."""

from __future__ import annotations


class InputError(ValueError):
    """A setting, a file or a device cannot be used. The message names it and says what would be right."""


class ForeignFileError(InputError):
    """A file is whole, and is of another study, cell or run than its place says."""


class ConfigurationError(InputError):
    """A configuration that cannot be run; the message names the key, the value and what would be right."""
