"""RFC 6570: the examples of its section 3, and what it forbids."""

from __future__ import annotations

import pytest
import uritemplate
from hypothesis import given
from hypothesis import strategies as st

from loader.csvw.uri_template import TemplateError, Variable, parse_template

VALUES: dict[str, Variable] = {
    "count": ["one", "two", "three"],
    "dom": ["example", "com"],
    "dub": "me/too",
    "hello": "Hello World!",
    "half": "50%",
    "var": "value",
    "who": "fred",
    "base": "http://example.com/home/",
    "path": "/foo/bar",
    "list": ["red", "green", "blue"],
    "v": "6",
    "x": "1024",
    "y": "768",
    "empty": "",
    "none": [],
    "undef": None,
    "uni": "é",
}
EXAMPLES = """
{count} one,two,three
{count*} one,two,three
{/count*} /one/two/three
{;count} ;count=one,two,three
{;count*} ;count=one;count=two;count=three
{?count*} ?count=one&count=two&count=three
{&count*} &count=one&count=two&count=three
{var} value
{hello} Hello%20World%21
{half} 50%25
O{empty}X OX
O{undef}X OX
O{none}X OX
{x,hello,y} 1024,Hello%20World%21,768
?{x,empty} ?1024,
?{x,undef} ?1024
{var:3} val
{var:30} value
{+hello} Hello%20World!
{+half} 50%25
{base}index http%3A%2F%2Fexample.com%2Fhome%2Findex
{+base}index http://example.com/home/index
here?ref={+path} here?ref=/foo/bar
up{+path}{var}/here up/foo/barvalue/here
{+path,x}/here /foo/bar,1024/here
{+path:6}/here /foo/b/here
{+list*} red,green,blue
{#hello} #Hello%20World!
foo{#empty} foo#
foo{#undef} foo
{#path,x}/here #/foo/bar,1024/here
X{.var} X.value
X{.empty} X.
X{.list*} X.red.green.blue
www{.dom*} www.example.com
{/who,dub} /fred/me%2Ftoo
{/var,empty} /value/
{/var:1,var} /v/value
{/list*,path:4} /red/green/blue/%2Ffoo
{;empty} ;empty
{;v,empty,who} ;v=6;empty;who=fred
{;hello:5} ;hello=Hello
{?x,y,empty} ?x=1024&y=768&empty=
{?x,y,undef} ?x=1024&y=768
?fixed=yes{&x} ?fixed=yes&x=1024
{uni} %C3%A9
{uni:1} %C3%A9
é/{x} %C3%A9/1024
a%20b{x} a%20b1024
<{x}> %3C1024%3E
"""


@pytest.mark.parametrize("example", EXAMPLES.strip().splitlines())
def test_examples(example: str) -> None:
    template, _, expected = example.partition(" ")
    assert parse_template(template).expand(VALUES) == expected


@pytest.mark.parametrize(
    "text", ["{x", "x}", "{}", "{!x}", "{x:0}", "{x:10000}", "{x y}", "{{x}}", "{x,}", "{=x}", "{x:a}"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(TemplateError):
        parse_template(text)


def test_names_each_variable_once() -> None:
    assert parse_template("{a}/{b}{?a,c}").names == ("a", "b", "c")


@given(st.sampled_from(["{a}", "{+a}", "{#a}", "{?a}", "{/a:3}", "x{.a}y{;a}"]), st.text(st.characters(codec="utf-8")))
def test_agrees_with_another_library(template: str, value: str) -> None:
    assert parse_template(template).expand({"a": value}) == uritemplate.expand(template, {"a": value})
