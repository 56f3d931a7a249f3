"""`python -m jobs`: the timetable on the engine that the environment's settings describe."""

from __future__ import annotations

from billing import Billing
from jobs.process import serve


def main() -> None:
    billing = Billing.from_env()
    try:
        serve(billing)
    finally:
        billing.close()


if __name__ == "__main__":
    main()
