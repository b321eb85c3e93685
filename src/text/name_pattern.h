// A regular expression for short names, such as those of a model's modules: it matches a name as a whole or not at all.
// ICU's syntax, which agrees with Python's re in all that such patterns use. A pattern may come from a stranger's file:
// matching is bounded in time and memory. Not thread-safe.
#pragma once
#include <memory>
#include <string>
#include <string_view>

struct URegularExpression;

namespace faqsmith {

class NamePattern {
 public:
  explicit NamePattern(std::string_view expression);        // throws Error(Input) that names the place of a mistake
  [[nodiscard]] bool matches(std::string_view name) const;  // throws Error(Input) if it takes too long

 private:
  struct Close {
    void operator()(URegularExpression* regex) const;
  };
  std::string expression_;
  std::unique_ptr<URegularExpression, Close> regex_;
};

}  // namespace faqsmith
