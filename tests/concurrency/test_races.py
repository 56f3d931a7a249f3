"""Many processes, few wallets: nobody is charged twice, no wallet falls below its floor, no number is skipped."""

from __future__ import annotations

import pytest

from .race import Race, run


@pytest.mark.parametrize("wallets", [1, 10])
def test_race(fresh_database_url: str, wallets: int) -> None:
    race = Race(fresh_database_url, wallets=wallets, workers=4, spends=40)
    assert run(race, seconds=100) == []


@pytest.mark.quick_on("postgresql")
def test_race_of_what_is_decided(fresh_database_url: str) -> None:
    race = Race(fresh_database_url, wallets=2, workers=4, spends=40, decided=True)
    assert run(race, seconds=100) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.database("postgresql")
@pytest.mark.parametrize("wallets", [1, 50])
def test_race_of_sixteen_processes_over_what_is_decided(fresh_database_url: str, wallets: int) -> None:
    race = Race(fresh_database_url, wallets=wallets, workers=16, spends=100, refills=True, decided=True)
    assert run(race, seconds=800) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("wallets", [1, 50])
def test_race_of_sixteen_processes(fresh_database_url: str, wallets: int) -> None:
    race = Race(fresh_database_url, wallets=wallets, workers=16, spends=500)
    assert run(race, seconds=800) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("wallets", [1, 20])
def test_race_with_refills(fresh_database_url: str, wallets: int) -> None:
    race = Race(fresh_database_url, wallets=wallets, workers=16, spends=200, refills=True)
    assert run(race, seconds=800) == []


@pytest.mark.database("postgresql")
@pytest.mark.breaks_books
def test_race_is_lost_without_the_lock(fresh_database_url: str) -> None:
    race = Race(fresh_database_url, wallets=1, workers=4, spends=40, locked=False)
    assert run(race, seconds=100) != []
