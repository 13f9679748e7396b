/**
 * How a page looks: one column, light or dark as the reader prefers, readable on a phone.
 *
 * @module
 */

/** The page's own style sheet. The colours of lines are `--line0`, `--line1`, ... */
export const pageStyle = `
:root {
  --paper: #fcfcfb; --card: #ffffff; --ink: #1c2230; --quiet: #5c6473; --rule: #e3e5ea;
  --line0: #0b6bcb; --line1: #d1495b; --line2: #2a9d5c; --line3: #c77700; --line4: #7a4cc2;
  --line5: #00899b; --line6: #8a6d3b; --line7: #5c6473;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171d; --card: #1b1f27; --ink: #e7e9ee; --quiet: #9aa3b2; --rule: #2d333f;
    --line0: #5aa9f5; --line1: #f2798a; --line2: #5fcf92; --line3: #f0ab4a; --line4: #b493ee;
    --line5: #4cc7d8; --line6: #c9a86d; --line7: #9aa3b2;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 0; font-size: 1.1rem; }
p { margin: 0.25rem 0 0; color: var(--quiet); font-size: 0.95rem; }
.figures {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.75rem;
  margin: 1.25rem 0;
}
.figures div, section {
  background: var(--card); border: 1px solid var(--rule); border-radius: 0.75rem;
}
.figures div { padding: 0.75rem 1rem; }
dt { color: var(--quiet); font-size: 0.85rem; }
dd { margin: 0; font-size: 1.4rem; font-weight: 600; font-variant-numeric: tabular-nums; }
section { padding: 1rem; margin-top: 1rem; }
.chart { margin-top: 0.75rem; min-height: 18rem; }
.scroll { overflow-x: auto; margin-top: 0.75rem; }
.scroll:focus-visible { outline: 2px solid var(--line0); outline-offset: 2px; }
.scroll table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.scroll th, .scroll td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: right; white-space: nowrap; }
.scroll th:first-child, .scroll td:first-child, .scroll .text { text-align: left; }
.scroll th { color: var(--quiet); font-size: 0.85rem; font-weight: 500; }
.scroll tbody tr { border-top: 1px solid var(--rule); }
pre { margin: 0; font: 0.8rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.uplot, .u-legend { font-family: inherit; color: var(--ink); }
.u-legend { font-size: 0.85rem; text-align: left; }
.u-legend .edge { display: none; }
.ramp { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; font-size: 0.85rem; }
.ramp .bar { width: 8rem; height: 0.6rem; border-radius: 0.3rem; }
.ramp output { flex-basis: 100%; color: var(--quiet); font-variant-numeric: tabular-nums; }
.u-legend .u-marker { border-radius: 50%; }
`;
