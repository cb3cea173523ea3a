"""`python -m primetone`: the same command line as `primetone`."""

from primetone.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
