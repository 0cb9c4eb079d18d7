"""People who seek a place: the waiting list, timed offers, and the next dose."""
