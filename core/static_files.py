"""Static files under names that carry their content's hash, what our own JavaScript modules import included."""

from functools import cached_property

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Rewrites `from "./name.js"` too, so that a module never meets an older version of another.

    Django's own switch for this reads every script of every package, and stops at those never meant to be files.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("js/*.js", ((r'(?P<matched>from "(?P<url>\./[^"]+)")', 'from "%(url)s"'),)),
    )

    def url(self, name: str, force: bool = False) -> str:
        """Put together once per process: a page names half a dozen files, and a release never changes them."""
        known = self._known_urls
        if name not in known:
            known[name] = super().url(name, force)
        return known[name]

    @cached_property
    def _known_urls(self) -> dict[str, str]:
        return {}
