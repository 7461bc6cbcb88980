"""``python -m paramcalc`` is the same command as ``paramcalc``."""

from paramcalc.cli.main import run

if __name__ == "__main__":
    run()
