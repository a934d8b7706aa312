"""The page around the sections: one file, no network."""

from collections.abc import Sequence

from gblend_keras.reporting.figures import style
from gblend_keras.reporting.page import html

_CSS = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a;
  --page: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --link: #0b5cad;
  --bad: #a40e26; --bad-panel: #fff1f0; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a2abb5; --page: #14171b; --panel: #1d2228;
    --line: #3a424b; --link: #7ab8f5; --bad: #ff9a94; --bad-panel: #3a1d1d; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.25rem 1rem 3rem; max-width: 68rem;
  background: var(--page); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
    Arial, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 0 0 .75rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p, ul { margin: 0 0 .75rem; max-width: 75ch; }
ul { padding-left: 1.25rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1rem 0;
  font-size: .9rem; }
nav a { padding: .25rem 0; }
section { margin-top: 2.25rem; }
.lead { font-size: 1.05rem; }
.soft, figcaption, caption { color: var(--soft); }
.notice { padding: .6rem .8rem; background: var(--panel);
  border-left: .25rem solid var(--line); }
.bad { color: var(--bad); font-weight: 600; }
.notice.bad { background: var(--bad-panel); border-color: var(--bad);
  font-weight: 400; }
.key { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
.key > div { background: var(--panel); border: 1px solid var(--line);
  border-radius: .5rem; padding: .5rem .9rem; min-width: 7.5rem; }
.key b { display: block; font-size: 1.4rem; line-height: 1.3;
  font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; max-width: 100%; margin: 0 0 1rem;
  overflow-wrap: normal; }
.scroll:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; font-size: .9rem; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
thead th { background: var(--panel); vertical-align: bottom; }
tbody th { font-weight: 600; }
td.number, th.number { text-align: right; white-space: nowrap; }
.wide { min-width: 14rem; }
dl { margin: 0 0 1rem; }
dl > div { display: grid; grid-template-columns: 11rem 1fr; gap: 0 1rem;
  padding: .25rem 0; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
code, pre { font-family: ui-monospace, Menlo, Consolas, monospace;
  font-size: .85em; }
pre { white-space: pre-wrap; background: var(--panel); padding: .75rem;
  border-radius: .5rem; margin: .5rem 0; }
figure { margin: 0; width: 100%; max-width: var(--wide); }
figure svg { display: block; width: 100%; height: auto; }
figure svg text { font-family: inherit !important; }
figcaption { font-size: .85rem; margin-top: .25rem; }
figure h3 { margin: 0 0 .25rem; }
.gallery > * { min-width: 0; }
.gallery { display: grid; gap: 1.25rem; margin: 0 0 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }
details { margin: .75rem 0; }
summary { cursor: pointer; padding: .25rem 0; }
footer { margin-top: 3rem; font-size: .85rem; color: var(--soft); }
@media (max-width: 30rem) {
  dl > div { grid-template-columns: 1fr; } h1 { font-size: 1.35rem; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; } .scroll { overflow: visible; }
  figure, tr, .key { break-inside: avoid; } h2, h3 { break-after: avoid; }
  table { font-size: 7.5pt; } th, td { padding: .15rem .35rem; }
  td.number, th.number { white-space: normal; }
  a { color: inherit; text-decoration: none; }
  details::details-content { content-visibility: visible; height: auto; } }
"""


def page(
    title: str,
    head: Sequence[html.Html | None],
    sections: Sequence[html.Section | None],
    *,
    version: str,
) -> str:
    """Returns a whole page.

    Args:
        title: Of the page, and its first heading.
        head: What stands above the sections.
        sections: As `html.section` returns them; None is left out.
        version: Of gblend_keras, for the last line.
    """
    kept = [each for each in sections if each is not None]
    links = [
        html.element("a", each.title, href=f"#{each.anchor}") for each in kept
    ]
    hint = None
    if not style.is_installed():
        hint = html.paragraph(
            f"{style.HINT} Then write this report again with "
            "`gblend report FOLDER`.",
            class_="notice",
        )
    body = html.element(
        "body",
        html.element(
            "header",
            html.element("h1", title),
            *head,
            hint,
            html.element("nav", *links, aria_label="Contents"),
        ),
        html.element("main", *[each.content for each in kept]),
        html.element(
            "footer",
            f"Written by gblend_keras {version}. Every number on this page "
            "was measured in the runs that it shows.",
        ),
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="icon" href="data:,">'  # or browsers ask for favicon.ico
        f"{html.element('title', title)}<style>{_CSS}</style></head>"
        f"{body}</html>\n"
    )
