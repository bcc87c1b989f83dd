"""Says what is missing and how to mend it."""
