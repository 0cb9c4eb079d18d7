"""Django's PostgreSQL, with a cheaper way to see that a kept connection has died."""
