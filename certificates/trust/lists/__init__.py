"""Readers of trust lists, one module per kind. Each checks the list's own proof and returns what it says.

What becomes of a reading is decided by a person (`certificates.trust.importing`).
"""
