"""Places given by lot, in steps that survive a kill and can be replayed by anybody."""
