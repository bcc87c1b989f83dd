"""`python -m whatssound` is the command `whatssound`."""

from whatssound.cli import main

if __name__ == "__main__":
    main()
