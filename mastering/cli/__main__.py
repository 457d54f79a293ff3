"""`python -m mastering.cli` is `tonmeister`."""

from mastering.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
