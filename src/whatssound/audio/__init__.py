"""From a file somebody owns to segments everybody hears."""
