"""Every setting, in one tree: command line over environment over file over default."""

from whatssound.config.tree import Config, EncoderLimits, Limits, LogLevel, People, StartError, Who

__all__ = ["Config", "EncoderLimits", "Limits", "LogLevel", "People", "StartError", "Who"]
