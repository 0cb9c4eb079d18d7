"""What other apps may ask of reporting."""

from reporting.coverage import Summary, coverage_summary

__all__ = ["Summary", "coverage_summary"]
