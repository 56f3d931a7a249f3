"""The worked examples, told row by row, by their numbers. Played by the model and by the engine."""

from __future__ import annotations

from .story import Story


def example_01_burn_down(story: Story) -> None:
    """Priority, then scope, then the earliest end, free before paid."""
    story.at("1 Apr 09:00").pack("never", 100, 1_000).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("1 Apr 09:05").pack("soon", 50, 600, days=30).shows("150 · 0 · 0", "1,600 · 0 · 0")
    story.at("1 Apr 09:10").pack("image pack", 40, 400, feature="image").shows("150 · 0 · 0", "2,000 · 0 · 0")
    story.at("1 Apr 09:15").gift("gift", 10, priority=10).shows("160 · 0 · 0", "2,000 · 0 · 0")
    story.at("1 Apr 09:20").gift("bonus", 20).shows("180 · 0 · 0", "2,000 · 0 · 0")
    story.at("2 Apr 10:00").spend("a", 65, feature="image", paid_by="gift 10, image pack 40, soon 15")
    story.shows("155 · 0 · 0", "1,420 · 580 · 0")
    story.at("2 Apr 11:00").spend("b", 60, paid_by="soon 35, bonus 20, never 5")
    story.shows("95 · 0 · 0", "950 · 1,050 · 0")
    story.ends_with("never", 95, 950)
    story.ends_with("soon", 0, 0, "1 May 09:05")
    story.ends_with("image pack", 0, 0).ends_with("gift", 0, 0).ends_with("bonus", 0, 0)


def example_02_recognition(story: Story) -> None:
    """A price that does not divide: each spend is within one cent, the last credit takes the last cent."""
    story.at("1 Apr 09:00").pack("p", 7, 100).shows("7 · 0 · 0", "100 · 0 · 0")
    story.at("2 Apr 10:00").spend("1", 1).shows("6 · 0 · 0", "86 · 14 · 0")
    story.at("2 Apr 10:01").spend("2", 1).shows("5 · 0 · 0", "72 · 28 · 0")
    story.at("2 Apr 10:02").spend("3", 1).shows("4 · 0 · 0", "58 · 42 · 0")
    story.at("2 Apr 10:03").spend("4", 3).shows("1 · 0 · 0", "15 · 85 · 0")
    story.at("2 Apr 10:04").spend("5", 1).shows("0 · 0 · 0", "0 · 100 · 0")
    story.ends_with("p", 0, 0)


def example_03_reversal(story: Story) -> None:
    """One spend across buckets, partly reversed: the last slice first."""
    story.at("1 Apr 09:00").pack("A", 30, 200, days=30).shows("30 · 0 · 0", "200 · 0 · 0")
    story.at("1 Apr 09:05").pack("B", 100, 1_000).shows("130 · 0 · 0", "1,200 · 0 · 0")
    story.at("2 Apr 10:00").spend("x", 50, paid_by="A 30, B 20").shows("80 · 0 · 0", "800 · 400 · 0")
    story.at("2 Apr 11:00").reverse("x", 25).shows("105 · 0 · 0", "1,033 · 167 · 0")
    story.at("2 Apr 12:00").reverse("x", 26).refused("already_reversed")
    story.shows("105 · 0 · 0", "1,033 · 167 · 0")
    story.ends_with("A", 5, 33, "1 May 09:00").ends_with("B", 100, 1_000)


def example_04_reversal_after_the_end(story: Story) -> None:
    """What comes back goes to the bucket it came from; past its end it expires at once."""
    story.at("1 Apr 09:00").pack("A", 100, 1_000, days=10).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("2 Apr 10:00").spend("x", 40).shows("60 · 0 · 0", "600 · 400 · 0")
    story.at("11 Apr 09:00").shows("0 · 0 · 0", "0 · 400 · 600")
    story.at("15 Apr 10:00").reverse("x").shows("0 · 0 · 0", "0 · 0 · 1,000")
    story.ends_with("A", 0, 0, "11 Apr 09:00")


def example_05_capture_of_less(story: Story) -> None:
    """A hold moves no cents; a capture earns what a spend would have, and frees the rest."""
    story.at("1 Apr 09:00").pack("A", 30, 200, days=30).shows("30 · 0 · 0", "200 · 0 · 0")
    story.at("1 Apr 09:05").pack("B", 70, 499).shows("100 · 0 · 0", "699 · 0 · 0")
    story.at("2 Apr 10:00").hold("h", 50, paid_by="A 30, B 20").shows("50 · 50 · 0", "699 · 0 · 0")
    story.at("2 Apr 10:05").capture("h", 35, paid_by="A 30, B 5").shows("65 · 0 · 0", "464 · 235 · 0")
    story.at("2 Apr 10:06").capture("h", 35, paid_by="A 30, B 5").shows("65 · 0 · 0", "464 · 235 · 0")
    story.at("2 Apr 10:07").capture("h", 36).refused("hold_ended").shows("65 · 0 · 0", "464 · 235 · 0")
    story.ends_with("A", 0, 0, "1 May 09:00").ends_with("B", 65, 464)


def example_06_capture_of_more(story: Story) -> None:
    """The rest is a spend in the same transaction; if it cannot be paid, nothing moves."""
    story.at("1 Apr 09:00").pack("A", 100, 1_000).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("2 Apr 10:00").hold("h", 50).shows("50 · 50 · 0", "1,000 · 0 · 0")
    story.at("2 Apr 10:05").capture("h", 120).refused("insufficient_credits")
    story.shows("50 · 50 · 0", "1,000 · 0 · 0")
    story.at("2 Apr 10:06").capture("h", 80).shows("20 · 0 · 0", "200 · 800 · 0")
    story.ends_with("A", 20, 200)


def example_07_lapse(story: Story) -> None:
    """A hold is valid in [placed, lapses); captured late, it is tried as a new spend."""
    story.at("1 Apr 09:00").pack("A", 100, 1_000).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("2 Apr 10:00").hold("h", 50, minutes=15).shows("50 · 50 · 0", "1,000 · 0 · 0")
    story.at("2 Apr 10:15").shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("2 Apr 10:20").capture("h", 40, paid_by="A 40").shows("60 · 0 · 0", "600 · 400 · 0")
    story.ends_with("A", 60, 600)


def example_08_bucket_ends_while_held(story: Story) -> None:
    """A hold placed in time is honoured; what is released into the ended bucket expires at once."""
    story.at("1 Apr 09:00").pack("A", 100, 1_000, days=10).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("11 Apr 08:50").hold("h", 50, minutes=15).shows("50 · 50 · 0", "1,000 · 0 · 0")
    story.at("11 Apr 09:00").shows("0 · 50 · 0", "500 · 0 · 500")
    story.at("11 Apr 09:03").capture("h", 30, paid_by="A 30").shows("0 · 0 · 0", "0 · 300 · 700")
    story.ends_with("A", 0, 0, "11 Apr 09:00")


def example_09_overdraft(story: Story) -> None:
    """To its limit, repaid by a grant, then the spend is reversed."""
    story.at("1 Apr 09:00").overdraft(50).pack("A", 20, 200).shows("20 · 0 · 0", "200 · 0 · 0")
    story.at("2 Apr 10:00").spend("x", 60, paid_by="A 20, overdraft 40").shows("0 · 0 · 40", "0 · 200 · 0")
    story.at("2 Apr 10:01").spend("y", 11).refused("insufficient_credits").shows("0 · 0 · 40", "0 · 200 · 0")
    story.at("3 Apr 09:00").pack("B", 30, 250).shows("0 · 0 · 10", "0 · 450 · 0")
    story.at("4 Apr 09:00").reverse("x", 25).shows("15 · 0 · 0", "125 · 325 · 0")
    story.ends_with("A", 0, 0).ends_with("B", 15, 125)


def example_10_carry(story: Story) -> None:
    """Debt waits till the period's end, here the UTC month; then general credits repay it."""
    story.at("2 Apr 10:00").overdraft(50, "carry").spend("x", 30, paid_by="overdraft 30")
    story.shows("0 · 0 · 30", "0 · 0 · 0")
    story.at("3 Apr 09:00").pack("A", 100, 1_000).shows("100 · 0 · 30", "1,000 · 0 · 0")
    story.at("30 Apr 23:59").shows("100 · 0 · 30", "1,000 · 0 · 0")
    story.at("1 May 00:00").shows("70 · 0 · 0", "700 · 300 · 0")
    story.ends_with("A", 70, 700)


def example_11_forgive(story: Story) -> None:
    """What is forgiven never earns; a spend reversed afterwards owes nothing and brings nothing back."""
    story.at("2 Apr 10:00").overdraft(50, "forgive").spend("x", 30).shows("0 · 0 · 30", "0 · 0 · 0")
    story.at("1 May 00:00").shows("0 · 0 · 0", "0 · 0 · 0")
    story.at("2 May 09:00").pack("A", 100, 1_000).shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("3 May 09:00").reverse("x").shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.ends_with("A", 100, 1_000)


def example_12_learnt_after_its_end(story: Story) -> None:
    """A bucket learnt after its end repays first: had we learnt of it in time, it would have."""
    story.at("1 Apr 10:00").overdraft(50).spend("x", 50).shows("0 · 0 · 50", "0 · 0 · 0")
    story.at("20 Apr 10:00").pack("A", 80, 800, since="2 Apr 00:00", days=5)
    story.shows("0 · 0 · 0", "0 · 500 · 300")
    story.ends_with("A", 0, 0, "7 Apr 00:00")


def example_13_renewal_with_grace(story: Story) -> None:
    """A plan bucket lives 24 hours beyond its period; the old one is used first."""
    story.at("1 Apr 00:00").plan("April", 100, 1_000, begins="1 Apr 00:00", ends="2 May 00:00")
    story.shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("20 Apr 10:00").spend("a", 70).shows("30 · 0 · 0", "300 · 700 · 0")
    story.at("1 May 00:30").spend("b", 10).shows("20 · 0 · 0", "200 · 800 · 0")
    story.at("1 May 01:00").plan("May", 100, 1_000, begins="1 May 00:00", ends="2 Jun 00:00")
    story.shows("120 · 0 · 0", "1,200 · 800 · 0")
    story.at("1 May 12:00").spend("c", 5, paid_by="April 5").shows("115 · 0 · 0", "1,150 · 850 · 0")
    story.at("2 May 00:00").shows("100 · 0 · 0", "1,000 · 850 · 150")
    story.ends_with("April", 0, 0, "2 May 00:00").ends_with("May", 100, 1_000, "2 Jun 00:00")


def example_14_renewal_paid_late(story: Story) -> None:
    """A line paid more than `grace` after its own start lives at least seven days from payment."""
    story.at("1 Apr 00:00").plan("April", 100, 1_000, begins="1 Apr 00:00", ends="2 May 00:00")
    story.shows("100 · 0 · 0", "1,000 · 0 · 0")
    story.at("2 May 00:00").shows("0 · 0 · 0", "0 · 0 · 1,000")
    story.at("28 May 12:00").plan("May", 100, 1_000, begins="1 May 00:00", ends="4 Jun 12:00")
    story.shows("100 · 0 · 0", "1,000 · 0 · 1,000")
    story.at("1 Jun 01:00").plan("June", 100, 1_000, begins="1 Jun 00:00", ends="2 Jul 00:00")
    story.shows("200 · 0 · 0", "2,000 · 0 · 1,000")
    story.ends_with("April", 0, 0, "2 May 00:00").ends_with("May", 100, 1_000, "4 Jun 12:00")
    story.ends_with("June", 100, 1_000, "2 Jul 00:00")


def example_17_proration_stub(story: Story) -> None:
    """A stub of 10¼ of 30 days grants ⌊100 × 10.25 ⁄ 30⌋ = 34."""
    story.at("20 Apr 18:00").plan("stub", 34, 342, begins="20 Apr 18:00", ends="2 May 00:00")
    story.shows("34 · 0 · 0", "342 · 0 · 0")
    story.at("1 May 01:00").plan("May", 100, 1_000, begins="1 May 00:00", ends="2 Jun 00:00")
    story.shows("134 · 0 · 0", "1,342 · 0 · 0")
    story.ends_with("stub", 34, 342, "2 May 00:00").ends_with("May", 100, 1_000, "2 Jun 00:00")


def example_28_coupon_of_100_percent(story: Story) -> None:
    """The first two rows: a bucket without cents is spent and earns nothing."""
    story.at("1 Apr 00:00").plan("April", 100, 0, begins="1 Apr 00:00", ends="2 May 00:00")
    story.shows("100 · 0 · 0", "0 · 0 · 0")
    story.at("5 Apr 10:00").spend("a", 30, paid_by="April 30").shows("70 · 0 · 0", "0 · 0 · 0")
    story.ends_with("April", 70, 0, "2 May 00:00")


EXAMPLES = [
    example_01_burn_down,
    example_02_recognition,
    example_03_reversal,
    example_04_reversal_after_the_end,
    example_05_capture_of_less,
    example_06_capture_of_more,
    example_07_lapse,
    example_08_bucket_ends_while_held,
    example_09_overdraft,
    example_10_carry,
    example_11_forgive,
    example_12_learnt_after_its_end,
    example_13_renewal_with_grace,
    example_14_renewal_paid_late,
    example_17_proration_stub,
    example_28_coupon_of_100_percent,
]
