"""Who is on a topic that programs made up, and what they say of themselves: tracked by each process, told to all."""
