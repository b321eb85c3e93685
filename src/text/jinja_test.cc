// Jinja's rules one by one, and templates that are broken or hostile. Whole templates: chat_golden_test.cc.
#include "text/jinja.h"

#include <gtest/gtest.h>

#include "text/strip.h"

namespace faqsmith::jinja {
namespace {

std::string rendered(std::string_view source) {
  return render(read_parts(source), {.messages = {{"system", "S"}, {"user", " q "}, {"assistant", "a"}},
                                     .bos_token = "<s>",
                                     .eos_token = "</s>",
                                     .add_generation_prompt = true});
}

TEST(Jinja, SetsWhiteSpaceAsTransformersDoes) {
  EXPECT_EQ(rendered("a\n  {% if true %}\n b\n  {% endif %}\nc"), "a\n b\nc");
  EXPECT_EQ(rendered("a {% if true %} b {% endif %} c"), "a  b  c");
  EXPECT_EQ(rendered("a \n {%- if true -%} \n b {%- endif -%} \n c"), "abc");
  EXPECT_EQ(rendered("a\n  {%+ if true +%}\nb{% endif %}"), "a\n  \nb");
  EXPECT_EQ(rendered("a\n  {{ 'b' }}\nc"), "a\n  b\nc");
  EXPECT_EQ(rendered("a\n  {{- 'b' -}}\n  c"), "abc");
  EXPECT_EQ(rendered("a\n  {# note #}\nb {#- note -#} c"), "a\nbc");
  EXPECT_EQ(rendered("{# a #}\n{% set x = 1 %}\r\nb\r\n"), "b");
  EXPECT_EQ(rendered("a\n\n"), "a\n");
}

TEST(Jinja, ComputesExpressionsInItsOwnOrder) {
  EXPECT_EQ(rendered("{{ 'a' + ' b ' | trim + 'c' }}"), "abc");
  EXPECT_EQ(rendered("{{ 1 + 2 * 3 - 4 % 3 }} {{ -7 // 2 }} {{ -7 % 3 }}"), "6 -4 2");
  EXPECT_EQ(rendered("{{ 'a' ~ 1 ~ true }}"), "a1True");
  EXPECT_EQ(rendered("{{ not x is defined }} {{ x is not defined and true }}"), "True True");
  EXPECT_EQ(rendered("{{ 'a' if false else 'b' }}{{ 'c' if false }}"), "b");
  EXPECT_EQ(rendered("{{ ('user' == 'user') != (1 % 2 == 0) }}"), "True");
  EXPECT_EQ(rendered("{{ 'tool_calls' in messages[0] }} {{ 'role' in messages[0] }} {{ 'x' not in 'abc' }}"),
            "False True True");
  EXPECT_EQ(rendered("{{ messages[1:] | length }} {{ messages[-1].role }} {{ messages[:1][0]['role'] }}"),
            "2 assistant system");
  EXPECT_EQ(rendered("{{ messages[1].content.strip() }}|{{ messages[1]['content'] }}|{{ nothing }}"), "q| q |");
  EXPECT_EQ(rendered("{{ messages | selectattr('role', 'equalto', 'user') | list | length }}"), "1");
  EXPECT_EQ(rendered("{{ none }} {{ true }} {{ messages[0].get('x', 'y') }} {{ 'a' 'b' }}"), "None True y ab");
  EXPECT_EQ(rendered("{{ '\\n\\t\\'\\\\ \\u00e9 \\d' }}{{ \"}}\" }}"), "\n\t'\\ \xC3\xA9 \\d}}");
}

TEST(Jinja, FollowsBlocksLoopsAndScopes) {
  EXPECT_EQ(rendered("{% for m in messages %}{{ loop.index0 }}{% if loop.last %}!{% endif %}"
                     "{% endfor %}"),
            "012!");
  EXPECT_EQ(rendered("{% set x = 1 %}{% for m in messages %}{% set x = 2 %}{% endfor %}{{ x }}"), "1");
  EXPECT_EQ(rendered("{% set n = namespace(x=1) %}{% for m in messages %}{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}"),
            "4");
  EXPECT_EQ(rendered("{% for m in messages if m.role != 'user' %}{{ m.content }}{{ loop.length }}{% endfor %}"),
            "S2a2");
  EXPECT_EQ(rendered("{% for m in [] %}a{% else %}b{% endfor %}"), "b");
  EXPECT_EQ(rendered("{% if false %}a{% elif true %}b{% else %}c{% endif %}"), "b");
  EXPECT_EQ(rendered("{% set x %}a{{ 1 }}{% endset %}[{{ x }}]"), "[a1]");
  EXPECT_EQ(rendered("{% macro f(x, y=2) %}{{ x | unknown }}{% endmacro %}{% generation %}a{% endgeneration %}"), "a");
  EXPECT_EQ(rendered("{% if false %}{{ tools | tojson(indent=4) }}{{ f(1).g[::2] }}{% endif %}ok"), "ok");
  EXPECT_THROW((void)rendered("{{ raise_exception('no') }}"), Raised);
}

TEST(Jinja, SaysWhatItDoesNotReadInsteadOfGuessing) {
  for (const char* source : {"{{ 1.5 }}",
                             "{{ messages }}",
                             "{{ messages | tojson }}",
                             "{{ strftime_now('%d') }}",
                             "{{ 'a' * 3 }}",
                             "{{ x + 'a' }}",
                             "{{ 'a' < 1 }}",
                             "{{ x.y }}",
                             "{{ 1 < 2 < 3 }}",
                             "{% include 'x' %}",
                             "{% break %}",
                             "{{ f() }}",
                             "{{ 'a'.split('b') }}",
                             "{{ messages[::2] }}",
                             "{{ 'a'[0] }}",
                             "{{ 2 ** 3 }}",
                             "{{ {'a': 1} }}",
                             "{{ 1 / 2 }}",
                             "{{ namespace(x=messages) }}",
                             "{% raw %}a{% endraw %}",
                             "{{ 99999999999999999999 }}",
                             "{{ 1 // 0 }}"})
    EXPECT_THROW((void)rendered(source), Unsupported) << source;
}

TEST(Jinja, RefusesBrokenTemplates) {
  for (const char* source : {"{{ 'a' ",
                             "{{ a",
                             "{% if true %}",
                             "{% endif %}",
                             "{% for x in y %}{% endif %}",
                             "{# a",
                             "{{ 'a }}",
                             "{{ ) }}",
                             "{{ (1 }}",
                             "{{ a b }}",
                             "{{ }}",
                             "{% %}",
                             "{% if %}a{% endif %}",
                             "{% set %}{% endset %}",
                             "{{ '\\xZ' }}",
                             "{% else %}",
                             "{{ a ? b }}",
                             "{{ [1 2] }}",
                             "{{ f(1 2) }}",
                             "{% elif x %}",
                             "{% set x = %}",
                             "{{",
                             "{%",
                             "{#",
                             "{{ '\\",
                             "{% for x in %}{% endfor %}",
                             "{{ '\\ud800' }}",
                             "{% for in messages %}{% endfor %}"})
    EXPECT_THROW((void)rendered(source), Unsupported) << source;
}

std::string repeated(std::string_view text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

TEST(Jinja, IsBoundedInStepsDepthAndBytes) {
  const std::string loops = repeated("{% for m in messages %}", 20) + "a" + repeated("{% endfor %}", 20);
  EXPECT_THROW((void)rendered(loops), Unsupported);
  EXPECT_THROW((void)rendered(repeated("{% if true %}", 3000) + repeated("{% endif %}", 3000)), Unsupported);
  EXPECT_THROW((void)rendered("{{ " + repeated("(", 20'000) + "1" + repeated(")", 20'000) + " }}"), Unsupported);
  EXPECT_THROW((void)rendered("{{ " + repeated("not ", 20'000) + "1 }}"), Unsupported);
  EXPECT_THROW((void)rendered("{% set x = 'aaaaaaaa' %}" + repeated("{% set x = x + x %}", 40)), Unsupported);
  EXPECT_THROW((void)rendered("{% set x = [1] %}" + repeated("{% set x = [x, x] %}", 25) + "{{ x == x }}"),
               Unsupported);
  EXPECT_THROW((void)rendered("{% set n = namespace() %}{% set n.n = n %}{{ n == n }}"), Unsupported);
}

TEST(Strip, TakesWhatPythonTakes) {
  EXPECT_EQ(strip(" \t\n\v\f\r\x1c\x1f a b \xC2\x85\xC2\xA0\xE3\x80\x80\xE2\x80\xA8"), "a b");
  EXPECT_EQ(strip("\xE2\x80\x8B a"), "\xE2\x80\x8B a");  // a zero-width space is none
  EXPECT_EQ(strip("\x80 "), "\x80");
  EXPECT_EQ(strip(" \n "), "");
  EXPECT_EQ(strip(""), "");
}

}  // namespace
}  // namespace faqsmith::jinja
