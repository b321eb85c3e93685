// Inline markup of reStructuredText becomes plain text: what a reader of the rendered page would see.
// Source: docutils, "reStructuredText Markup Specification", section "Inline Markup".
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace faqsmith {

// What the words of a file may stand for. Names are compared without case, white space folded.
struct RstNames {
  std::map<std::string, std::string, std::less<>> substitutions;  // |name| → its text
  std::map<std::string, std::string, std::less<>> labels;         // :ref:`label` → the title below ".. _label:"
  std::size_t budget = 0;  // bytes that substitutions may still add: a file cannot multiply itself
  std::size_t n_refused = 0;
};

// Lower case, runs of white space as one space: how docutils compares names.
[[nodiscard]] std::string rst_name(std::string_view name);

// text: one paragraph. Linear in its length; markup that is never closed stays as it is.
[[nodiscard]] std::string rst_inline(std::string_view text, RstNames& names);

}  // namespace faqsmith
