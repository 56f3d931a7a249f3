"""The demo: a small believable world, told through the engine and the inbox, and served to be played with."""
