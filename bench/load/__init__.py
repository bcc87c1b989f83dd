"""A crowd of tens of thousands of listeners, and people who speak to it on a schedule that waits for nobody."""
