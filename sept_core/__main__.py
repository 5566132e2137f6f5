"""`python -m sept_core` is `sept`."""

from sept_core.cli import app

if __name__ == "__main__":
    app.main()
