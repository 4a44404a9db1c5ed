import json
import re
from html.parser import HTMLParser

import pytest

from downroute.dashboard.cards import Card
from downroute.dashboard.json_view import json_view
from downroute.dashboard.markdown import markdown
from downroute.dashboard.masking import MASK, mask_of, masked
from downroute.dashboard.offline import offline_page
from downroute.dashboard.rendering import answer_html, card_as_json, request_html
from downroute.records import Answer, ToolCall

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "[click](javascript:alert(1))",
    '[click](https://evil.example/ "a\\" onmouseover=alert(1)")',
    "![see](https://evil.example/pixel.png)",
    "<https://evil.example/?q=<b>>",
    '[x]: https://evil.example/ "t"\n\n[x]',
    '```html" onclick="alert(1)\n</code></pre><script>alert(1)</script>\n```',
    "| a | <iframe src=//evil.example> |\n|---|---|\n| </table><script>x</script> | b |",
    "</div></article><style>*{display:none}</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    json.dumps({"</pre><script>alert(1)</script>": "<img src=x onerror=alert(1)>"}),
]
HARMLESS = {
    *("p", "div", "span", "pre", "code", "b", "em", "strong", "s", "ul", "ol", "li", "br", "hr"),
    *("h1", "h2", "h3", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "details"),
    *("summary",),
}


class Tags(HTMLParser):
    """Refuses whatever could load, run or lead anywhere."""

    def handle_starttag(self, tag, attrs):
        assert tag in HARMLESS, tag
        for name, value in attrs:
            assert name in ("class", "title", "start", "style"), (tag, name)
            if name == "style":
                assert re.fullmatch(r"text-align:(left|right|center)", value)


def check(html):
    Tags().feed(html)


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_words_stay_words(attack):
    said = Answer(attack, (ToolCall(attack, json.dumps({"x": attack})), ToolCall("f", attack)))
    check(answer_html(said, Answer("other")))
    check(answer_html(Answer("other"), said))
    request = {
        "messages": [
            {"role": attack, "content": attack},
            {"role": "user", "content": [{"type": attack}, {"type": "text", "text": attack}]},
            {"role": "assistant", "content": None, "tool_calls": [{"function": attack}]},
        ],
        "tools": [{"type": "function", "function": {"name": attack}}],
    }
    check(request_html(request))
    check(card_as_json(Card("p-1", attack, request, (said, None), attack))["rubric"])


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_offline_page_holds_its_data_as_data(attack):
    request = {"messages": [{"role": "user", "content": attack + "</script>\u2028<!--"}]}
    page = offline_page([Card("p-1", attack, request, (Answer(attack), None))], "x", 1, 1)
    assert page.lower().count("<script") == 2 and page.lower().count("</script") == 2
    data = re.search(r'<script type="application/json" id="cards">(.*?)</script>', page, re.DOTALL)
    assert json.loads(data.group(1))["cards"][0]["a"]["raw"] == attack


def test_markdown_is_shown_without_links_or_images():
    html = markdown("# Hi\n\n*a* **b** `c`\n\n- one\n- two\n\n[there](https://x.example/y) ![p](q)")
    assert "<h1>Hi</h1>" in html and "<strong>b</strong>" in html and "<li>one</li>" in html
    assert '<span class="link" title="https://x.example/y">there</span>' in html
    assert "[image: p]" in html and "<a" not in html and "<img" not in html


def test_code_is_shown_letter_by_letter():
    assert "<pre><code>if a &lt; b:\n    return</code></pre>" in markdown(
        "```python\nif a < b:\n    return```"
    ) or "if a &lt; b:" in markdown("```python\nif a < b:\n    return\n```")


def test_json_fields_that_differ_are_marked_and_no_others():
    html = json_view({"a": 1, "b": [1, 2], "c": {"d": "x"}}, {"a": 1.0, "b": [1, 3], "c": {}})
    marked = re.findall(r'<span class="line differs">(.*?)</span>(?=<span class="line|</pre)', html)
    assert [re.sub(r"<.*?>", "", m).strip() for m in marked] == ["2", "&#34;d&#34;: &#34;x&#34;"]


def test_json_answers_are_laid_out_fenced_or_not():
    one, other = Answer('{"city":"Rome","n":1}'), Answer('```json\n{"city": "Oslo", "n": 1}\n```')
    html = answer_html(one, other)
    assert html.count("differs") == 1 and "Rome" in html
    assert "differs" not in answer_html(one, Answer("no JSON at all"))


def test_images_come_from_the_request_itself_or_not_at_all():
    def shown(url):
        part = {"type": "image_url", "image_url": {"url": url}}
        return request_html({"messages": [{"role": "user", "content": [part]}]})

    assert '<img alt="image in the request" src="data:image/png;base64,AAAA">' in shown(
        "data:image/png;base64,AAAA"
    )
    for url in (
        "https://evil.example/a.png",
        "data:image/svg+xml;base64,AAAA",
        "data:text/html,<script>",
        'data:image/png;base64,AA" onerror="x',
        "http://[broken",
    ):
        assert "<img" not in shown(url) and "not " in shown(url)


def test_an_answer_that_is_missing_empty_or_cut_off_says_so():
    assert "refused" in answer_html(None, Answer("x"))
    assert "empty" in answer_html(Answer(""), None).lower()
    assert "Cut off" in answer_html(Answer("half", finish_reason="length"), None)


def test_models_names_are_masked_and_ordinary_words_are_not():
    mask = mask_of(["gpt-4o", "gpt-4o-mini", "large", "vendor/tiny-7b"])
    text = "I am GPT-4o-mini-2024-07-18, not gpt 4o nor tiny-7b; a large thing."
    assert mask(text) == f"I am {MASK}, not {MASK} nor {MASK}; a large thing."
    picture = "data:image/png;base64,gpt-4o"
    request = {"messages": [{"role": "user", "content": [{"image_url": picture}, {"text": text}]}]}
    card = masked(Card("p-1", "t", request, (Answer(text), None), text), mask)
    assert "mini" not in json.dumps([card.answers[0].text, card.rubric])
    assert card.request["messages"][0]["content"][0]["image_url"] == picture
