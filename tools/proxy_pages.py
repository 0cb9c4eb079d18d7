"""What nginx says itself, deploy/nginx/pages/*.html: each text of deploy/nginx/source/ in the one frame (bingkai.html).

Put together here and not by nginx: the page for the busiest moment should cost it nothing.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "nginx"
FRAME = "bingkai.html"


def build() -> dict[str, str]:
    """Name and text of each page. A source is `title:`, `refresh:` (seconds, may be empty), an empty line, the body."""
    frame = (FOLDER / "source" / FRAME).read_text()
    pages = {}
    for source in sorted((FOLDER / "source").glob("*.html")):
        if source.name == FRAME:
            continue
        head, _, body = source.read_text().partition("\n\n")
        title, refresh = (line.partition(":")[2].strip() for line in head.splitlines())
        again = f'<meta http-equiv="refresh" content="{refresh}">\n' if refresh else ""
        text = frame.replace("{title}", title).replace("{refresh}", again).replace("{body}", body)
        pages[source.name] = text
    return pages


def main() -> int:
    """Write them; with --check only say which are not up to date. Returns the exit code."""
    made = {path.name: path.read_text() for path in (FOLDER / "pages").glob("*.html")}
    old = {name: text for name, text in build().items() if made.get(name) != text}
    if "--check" in sys.argv:
        if old:
            print(f"deploy/nginx/pages: {', '.join(old)}: python tools/proxy_pages.py")
        return bool(old)
    for name, text in old.items():
        (FOLDER / "pages" / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
