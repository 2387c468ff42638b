"""The page's style sheet: readable on a phone, in the dark, and without anything from elsewhere."""

from __future__ import annotations

from typing import Final

# Contrast of text and links to the ground is above 7:1 and 4.5:1 in both schemes (WCAG 2.2, 1.4.6 and 1.4.3).
STYLE: Final = """
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --soft: #4a525c; --line: #d3d9e0; --link: #0b57b0; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171b; --text: #e8ebef; --soft: #b3bbc5; --line: #3a424c; --link: #8ab8ff; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
details { border-top: 1px solid var(--line); padding: 0.5rem 0; }
summary { cursor: pointer; font-weight: 600; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0; }
th, td {
  text-align: start; padding: 0.3rem 0.75rem 0.3rem 0; vertical-align: top; border-bottom: 1px solid var(--line);
}
th { color: var(--soft); font-weight: 600; }
th:last-child, td:last-child { text-align: end; white-space: nowrap; padding-inline-end: 0; }
code { font-size: 0.875em; color: var(--soft); }
footer { margin-top: 2rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.875rem; }
@media (min-width: 40.01rem) {
  table { table-layout: fixed; }
  th:last-child { width: 7rem; }
}
@media (max-width: 40rem) {
  thead { position: absolute; clip-path: inset(50%); }
  tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); padding: 0.4rem 0; }
  td { border: 0; padding: 0 0.75rem 0 0; }
  td:nth-child(2):not(:last-child) { grid-row: 2; grid-column: 1 / -1; }
}
"""
