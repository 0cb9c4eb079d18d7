"""Static files under names that carry their content's hash, what our own JavaScript modules import included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Rewrites `from "./name.js"` too, so that a module never meets an older version of another.

    Django's own switch for this reads every script of every package, and stops at those never meant to be files.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", ((r'(?P<matched>from "(?P<url>\./[^"]+)")', 'from "%(url)s"'),)),
    )
