"""`{% once %}`: a part of a page that is the same for many people is drawn once and kept.

    {% once %} … {% endonce %}                                 for the life of the process, per language
    {% once page_path=here %} … {% endonce %}                  the same, for each value
    {% once slot dose=option.dose_label %} … {% endonce %}     kept on `slot` and gone with it, for each dose
    {% once slot with name=person.full_name %} … {% endonce %} the same, with a gap where the name is written in

Inside nothing is there but what is named: no request, no person, no token. So the text can depend on nothing else, and
nothing of one person can ever be drawn for another. What keeps it decides how old it may be: an object read anew each
second brings no text of the second before. Values must be few: each of them keeps a text of its own.

What stands behind `with` is never kept, and not there while the part is drawn: a word that nobody can foresee takes its
place, and each visitor's own, escaped as everywhere, is written over it. So it may be printed and nothing else; a part
that does not print it as it is cannot be drawn (TemplateSyntaxError).
"""

from collections.abc import Hashable
from typing import Any
from uuid import uuid4

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token, render_value_in_context, token_kwargs
from django.template.context import Context
from django.template.loader_tags import BlockNode
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


class OnceNode(template.Node):
    """Keeps what its nodes say, per language and values, on the named object or else on itself."""

    child_nodelists = ()  # no block of a page is inside, so nobody need look

    def __init__(
        self, nodelist: NodeList, keeper: str, values: dict[str, FilterExpression], words: dict[str, FilterExpression]
    ) -> None:
        self.nodelist, self.keeper, self.values, self.words = nodelist, keeper, values, words
        self.texts: dict[Hashable, SafeString] = {}

    def render(self, context: Context) -> SafeString:
        """The kept text, drawn now when there is none, with this visitor's words."""
        named: dict[str, Any] = {name: value.resolve(context) for name, value in self.values.items()}
        key = (get_language(), *named.values())
        texts = self.texts
        if self.keeper:
            named[self.keeper] = keeper = context[self.keeper]
            texts = vars(keeper).setdefault("_drawn_once", {}).setdefault(self, {})
        if key not in texts:
            texts[key] = self._draw(context.new(named))
        if not self.words:
            return texts[key]
        own = {name: render_value_in_context(word.resolve(context), context) for name, word in self.words.items()}
        return SafeString(texts[key] % own)

    def _draw(self, context: Context) -> SafeString:
        """The text; with words, as a pattern that has a gap for each."""
        gaps = {name: SafeString(uuid4().hex) for name in self.words}
        context.update(gaps)
        drawn = self.nodelist.render(context)
        if not gaps:
            return drawn
        text = drawn.replace("%", "%%")
        for name, gap in gaps.items():
            if gap not in text:
                raise template.TemplateSyntaxError(f"once: {name} is not printed as it is")
            text = text.replace(gap, f"%({name})s")
        return SafeString(text)


@register.tag
def once(parser: Parser, token: Token) -> OnceNode:
    """See the module. Raises TemplateSyntaxError for what it does not know, and around a block of an inherited page."""
    name, *bits = token.split_contents()
    cut = bits.index("with") if "with" in bits else len(bits)
    shared, own = bits[:cut], bits[cut + 1 :]
    keeper = shared.pop(0) if shared and shared[0].isidentifier() else ""
    values, words = token_kwargs(shared, parser), token_kwargs(own, parser)
    for left in (*shared, *own):
        raise template.TemplateSyntaxError(f"{name}: {left!r} is neither the name of an object nor name=value")
    nodelist = parser.parse(("endonce",))
    parser.delete_first_token()
    if nodelist.get_nodes_by_type(BlockNode):
        raise template.TemplateSyntaxError(f"{name}: each page says something else in a block, so it is not the same")
    return OnceNode(nodelist, keeper, values, words)
