"""Says what is missing and how to mend it."""

from whatssound.doctor.checkup import check_up

__all__ = ["check_up"]
