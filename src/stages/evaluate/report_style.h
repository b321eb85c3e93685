// The report's style sheet. Filters work without script: radio buttons before the list, :checked decides what shows.
#pragma once

namespace faqsmith {

inline constexpr const char* kReportStyle = R"css(
:root{--ink:#1c2430;--dim:#667085;--line:#e4e7ec;--page:#f6f7f9;--card:#fff;--base:#98a2b3;--tuned:#0f7b6c;--search:#c2702a;
--good:#0f7b6c;--bad:#b42318;--band:#0f7b6c2e;--soft:#f2f4f7;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#98a2b3;--line:#2c333d;--page:#12161c;--card:#1a2028;--base:#7d8794;
--tuned:#3cc4ae;--search:#e39a5b;--good:#3cc4ae;--bad:#f97066;--band:#3cc4ae38;--soft:#222a34}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:36px 24px 80px}
h1{font-size:28px;letter-spacing:-.02em;line-height:1.2;margin:0 0 6px}
h2{font-size:18px;margin:0 0 4px}
p{margin:0 0 12px}.dim{color:var(--dim);fill:var(--dim)}.lead{font-size:17px;max-width:820px;margin:14px 0 22px}
section,.card{background:var(--card);border:1px solid var(--line);border-radius:12px}
section{padding:22px 24px;margin-top:20px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:14px}
.card{padding:16px 18px}.card .name{color:var(--dim);font-size:13px}
.card .figures{font-size:28px;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.card .figures .from{color:var(--base);font-weight:500}.card .figures .to{color:var(--tuned)}
.card .note{font-size:13px;color:var(--dim)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{font-size:12px;font-weight:600;color:var(--dim);text-align:right;padding:6px 10px;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left;padding-left:0}td{padding:7px 10px;text-align:right;border-bottom:1px solid var(--line)}
tr.part td{font-weight:650;padding-top:18px;text-align:left}tr:last-child td{border-bottom:0}
td.wide{width:220px}td.tuned{color:var(--tuned);font-weight:650}
.better{color:var(--good);font-weight:600}.worse{color:var(--bad);font-weight:600}
.scroll{overflow-x:auto}.split{display:grid;grid-template-columns:3fr 2fr;gap:32px}
@media(max-width:820px){.split{grid-template-columns:1fr}}
svg.chart{width:100%;height:auto;display:block}svg.gain{width:200px;height:20px;display:block}
svg text{font-size:13px;fill:var(--ink);font-family:inherit}svg .tick{font-size:11.5px;fill:var(--dim)}svg .dim{fill:var(--dim)}
.grid{stroke:var(--line)}.bar{fill:var(--base);opacity:.55}.bar.last{fill:var(--tuned);opacity:1}
.train-line,.validation-line{fill:none;stroke-width:1.8;stroke-linejoin:round}.train-line{stroke:var(--base)}.validation-line{stroke:var(--tuned)}
.validation-dot{fill:var(--tuned)}.best-dot{fill:none;stroke:var(--tuned);stroke-width:2}
.band{fill:var(--band)}.link{stroke:var(--tuned);stroke-width:1.5}.base-dot{fill:var(--base)}.tuned-dot{fill:var(--tuned)}.search-mark{stroke:var(--search);stroke-width:2.5}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--dim);margin:2px 0 12px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:50%;margin-right:6px}.legend i.tick{width:3px;height:13px;border-radius:1px;vertical-align:-2px}
.k-base{background:var(--base)}.k-tuned{background:var(--tuned)}.k-search{background:var(--search)}
input.filter{position:absolute;opacity:0}.filters{display:flex;flex-wrap:wrap;gap:8px;margin:12px 0}
.filters label{border:1px solid var(--line);border-radius:99px;padding:3px 13px;font-size:13px;cursor:pointer;color:var(--dim)}
input.filter:focus-visible~.filters{outline:2px solid var(--tuned);outline-offset:4px;border-radius:8px}
details{border-top:1px solid var(--line)}summary{padding:10px 0;cursor:pointer;display:flex;gap:12px;align-items:baseline;list-style:none}
summary::-webkit-details-marker{display:none}summary::before{content:"▸";color:var(--dim)}details[open] summary::before{content:"▾"}
summary .q{flex:1;min-width:0}.chip{font-size:12px;border-radius:99px;padding:1px 9px;background:var(--soft);color:var(--dim);white-space:nowrap;font-variant-numeric:tabular-nums}
.chip.good{color:var(--good)}.chip.bad{color:var(--bad)}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(215px,1fr));gap:12px;padding:2px 0 12px}
.answer{background:var(--soft);border-radius:8px;padding:10px 12px}.answer h3{font-size:12px;margin:0 0 4px;color:var(--dim);font-weight:600}
.answer.t{box-shadow:inset 3px 0 var(--tuned)}.answer.r{box-shadow:inset 3px 0 var(--ink)}
.said{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;font-size:14px}
.source{font-size:13px;color:var(--dim);padding:0 0 14px}.source q{font-style:italic;unicode-bidi:isolate}
footer{color:var(--dim);font-size:13px;margin-top:26px}code{font-size:.92em;overflow-wrap:anywhere}
@media print{body{background:#fff}section,.card{break-inside:avoid}}
)css";

}  // namespace faqsmith
