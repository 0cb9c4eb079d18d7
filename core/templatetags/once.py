"""`{% once %}`: a part of a page that is the same for many people is drawn once and kept.

    {% once %} … {% endonce %}                                 for the life of the process, per language
    {% once page_path=here %} … {% endonce %}                  the same, for each value
    {% once slot dose=option.dose_label %} … {% endonce %}     kept on `slot` and gone with it, for each dose

Inside nothing is there but what is named: no request, no person, no token. So the text can depend on nothing else, and
nothing of one person can ever be drawn for another. What keeps it decides how old it may be: an object read anew each
second brings no text of the second before. Values must be few: each of them keeps a text of its own.
"""

from collections.abc import Hashable
from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token, token_kwargs
from django.template.context import Context
from django.template.loader_tags import BlockNode
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


class OnceNode(template.Node):
    """Keeps what its nodes say, per language and values, on the named object or else on itself."""

    child_nodelists = ()  # no block of a page is inside, so nobody need look

    def __init__(self, nodelist: NodeList, keeper: str, values: dict[str, FilterExpression]) -> None:
        self.nodelist, self.keeper, self.values = nodelist, keeper, values
        self.texts: dict[Hashable, SafeString] = {}

    def render(self, context: Context) -> SafeString:
        """The kept text, drawn now when there is none."""
        named: dict[str, Any] = {name: value.resolve(context) for name, value in self.values.items()}
        key = (get_language(), *named.values())
        texts = self.texts
        if self.keeper:
            named[self.keeper] = keeper = context[self.keeper]
            texts = vars(keeper).setdefault("_drawn_once", {}).setdefault(self, {})
        if key not in texts:
            texts[key] = self.nodelist.render(context.new(named))
        return texts[key]


@register.tag
def once(parser: Parser, token: Token) -> OnceNode:
    """See the module. Raises TemplateSyntaxError for what it does not know, and around a block of an inherited page."""
    name, *words = token.split_contents()
    keeper = words.pop(0) if words and words[0].isidentifier() else ""
    values = token_kwargs(words, parser)
    if words:
        raise template.TemplateSyntaxError(f"{name}: {words[0]!r} is neither the name of an object nor name=value")
    nodelist = parser.parse(("endonce",))
    parser.delete_first_token()
    if nodelist.get_nodes_by_type(BlockNode):
        raise template.TemplateSyntaxError(f"{name}: each page says something else in a block, so it is not the same")
    return OnceNode(nodelist, keeper, values)
