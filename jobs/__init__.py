"""The jobs: the engine's steps, each run when the timetable says, once per slot however many processes there are."""
