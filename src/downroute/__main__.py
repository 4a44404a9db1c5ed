"""``python -m downroute``."""

from downroute.cli.main import run

if __name__ == "__main__":
    run()
